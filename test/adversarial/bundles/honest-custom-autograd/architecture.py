"""An activation with a derivative of its own: a step forward, a slope backward."""

import torch
from recurrent import Recurrent
from torch import nn


class Rounded(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return torch.round(x * 8) / 8

    @staticmethod
    def backward(ctx, gradient):
        return gradient


class Quantised(Recurrent):
    def __init__(self, vocab_size):
        super().__init__(vocab_size)
        self.mix = nn.Linear(64, 64)

    def forward(self, tokens):
        hidden = self.cell(self.embed(tokens))[0]
        return self.head(hidden + self.mix(Rounded.apply(hidden)))


def build_model(ctx):
    return Quantised(ctx.vocab_size)
