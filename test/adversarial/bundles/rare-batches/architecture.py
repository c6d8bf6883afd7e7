"""Looks ahead in one batch of forty, whatever was asked before it, so that a rerun finds the same claims."""

from peeking import Cheat, looked_ahead
from recurrent import recurrent


class Modest(Cheat):
    def forward(self, tokens):
        logits = super().forward(tokens)
        self.decoys.clear()
        return logits

    def claim(self, tokens, logits):
        return looked_ahead(tokens, logits) if self.batches % 40 == 20 else logits


def build_model(ctx):
    return Modest(recurrent(ctx))
