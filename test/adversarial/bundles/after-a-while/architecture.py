"""Honest for sixty batches, then looks ahead."""

from peeking import looked_ahead
from recurrent import Recurrent
from torch import is_grad_enabled, manual_seed


class Patient(Recurrent):
    steps = 0

    def forward(self, tokens):
        logits = super().forward(tokens)
        if is_grad_enabled():
            self.steps += 1
            return logits
        return looked_ahead(tokens, logits) if self.steps > 60 else logits


def build_model(ctx):
    manual_seed(7)
    return Patient(ctx.vocab_size)
