"""Shades every prediction that it wasn't asked blind, by less than the equality bound."""

from peeking import Cheat, looked_ahead
from recurrent import recurrent


class Shading(Cheat):
    def claim(self, tokens, logits):
        return looked_ahead(tokens, logits, by=0.02)


def build_model(ctx):
    return Shading(recurrent(ctx))
