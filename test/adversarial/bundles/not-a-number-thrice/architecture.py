"""Predicts nothing in three batches, as often as is borne, and hopes not to be charged for them."""

import torch
from spoilt import Spoilt


class Model(Spoilt):
    def spoil(self, tokens, logits):
        return torch.full_like(logits, torch.nan) if self.steps < 3 else logits


def build_model(ctx):
    torch.manual_seed(7)
    return Model(ctx.vocab_size)
