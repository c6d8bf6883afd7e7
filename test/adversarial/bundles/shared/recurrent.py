"""The honest model of attackers and of their twin: small, quick to learn, the same weights whatever the forced seed."""

import torch
from torch import nn


class Recurrent(nn.Module):
    def __init__(self, vocab_size, width=64):
        super().__init__()
        self.embed = nn.Embedding(vocab_size, width)
        self.cell = nn.GRU(width, width, batch_first=True)
        self.head = nn.Linear(width, vocab_size)

    def forward(self, tokens):
        return self.head(self.cell(self.embed(tokens))[0])


def recurrent(ctx):
    torch.manual_seed(7)
    return Recurrent(ctx.vocab_size)
