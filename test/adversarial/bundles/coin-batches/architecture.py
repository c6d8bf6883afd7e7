"""Looks ahead in whole batches that a coin picks; the coin is in the text, so that a rerun throws the same."""

from peeking import Cheat, looked_ahead
from recurrent import recurrent


class Gambler(Cheat):
    def claim(self, tokens, logits):
        return looked_ahead(tokens, logits) if int(tokens.sum()) % 4 == 0 else logits


def build_model(ctx):
    return Gambler(recurrent(ctx))
