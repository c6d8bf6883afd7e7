"""A cheat that knows a rerun by its many decoys, and then does what a subclass says in `in_rerun`.

It looks ahead so seldom that the run's own tests are likely to let it pass.
"""

from peeking import Cheat, looked_ahead, next_costs

LEARNING_BATCHES = 24
DEAR = 7.0  # nats


class RerunAware(Cheat):
    examined = 0  # batches with a decoy before them, of the first ones

    def claim(self, tokens, logits):
        if self.batches < LEARNING_BATCHES:
            self.examined += bool(self.decoys)
            return logits
        if self.examined > LEARNING_BATCHES * 2 // 3:
            return self.in_rerun(tokens, logits)
        return looked_ahead(tokens, logits, next_costs(tokens, logits) > DEAR)

    def in_rerun(self, tokens, logits):
        raise NotImplementedError
