"""Looks ahead where an honest prediction is dear, and nowhere else."""

from peeking import Cheat, looked_ahead, next_costs
from recurrent import recurrent


class Picky(Cheat):
    def claim(self, tokens, logits):
        return looked_ahead(tokens, logits, next_costs(tokens, logits) > 5.0)


def build_model(ctx):
    return Picky(recurrent(ctx))
