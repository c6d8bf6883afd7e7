"""Looks ahead in whole batches, but in none before which a decoy was seen."""

from peeking import Cheat, looked_ahead
from recurrent import recurrent


class Careful(Cheat):
    def claim(self, tokens, logits):
        return logits if self.decoys else looked_ahead(tokens, logits)


def build_model(ctx):
    return Careful(recurrent(ctx))
