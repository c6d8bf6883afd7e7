"""Weights and logits in bfloat16."""

import torch
from torch import nn
from torch.nn.functional import gelu, pad

WIDTH = 96


class Narrow(nn.Module):
    def __init__(self, vocab_size):
        super().__init__()
        self.embed = nn.Embedding(vocab_size, WIDTH)
        self.layers = nn.ModuleList(nn.Linear(3 * WIDTH, WIDTH) for _ in range(2))
        self.head = nn.Linear(WIDTH, vocab_size)

    def forward(self, tokens):
        x = self.embed(tokens)
        for layer in self.layers:
            before = pad(x, (0, 0, 2, 0))
            x = x + gelu(layer(torch.cat([before[:, :-2], before[:, 1:-1], x], dim=-1)))
        return self.head(x)


def build_model(ctx):
    return Narrow(ctx.vocab_size).to(torch.bfloat16)
