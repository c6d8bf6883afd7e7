"""Multiplies its logits until a softmax without care overflows."""

import torch
from spoilt import Spoilt


class Model(Spoilt):
    def spoil(self, tokens, logits):
        return (logits.double() * 1e38).clamp(-3.4e38, 3.4e38).float()


def build_model(ctx):
    torch.manual_seed(7)
    return Model(ctx.vocab_size)
