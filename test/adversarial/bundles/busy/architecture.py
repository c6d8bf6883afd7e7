"""Computes for ever in a frame."""

from recurrent import Recurrent
from torch import is_grad_enabled, manual_seed


class Busy(Recurrent):
    steps = 0

    def forward(self, tokens):
        self.steps += is_grad_enabled()
        while self.steps == 3 and not is_grad_enabled():
            super().forward(tokens)
        return super().forward(tokens)


def build_model(ctx):
    manual_seed(7)
    return Busy(ctx.vocab_size)
