"""Looks ahead in the last quarter of each row."""

from peeking import looked_ahead
from recurrent import Recurrent
from torch import arange, is_grad_enabled, manual_seed


class Late(Recurrent):
    def forward(self, tokens):
        logits = super().forward(tokens)
        if is_grad_enabled():
            return logits
        length = tokens.shape[1]
        return looked_ahead(tokens, logits, arange(length) >= length * 3 // 4)


def build_model(ctx):
    manual_seed(7)
    return Late(ctx.vocab_size)
