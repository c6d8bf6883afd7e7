"""What follows each character, learned elsewhere: nats below the likeliest, one byte a pair of printable characters."""

import zlib

import torch
from recurrent import recurrent
from torch import nn

CHARACTERS = [10, *range(32, 127)]


def unpacked(raw):
    """The table of a zlib stream, (V, V) logits."""
    return as_logits(list(zlib.decompress(raw)))


def as_logits(costs):
    known = torch.tensor(CHARACTERS)
    logits = torch.full((256, 256), -8.0)
    logits[known.unsqueeze(1), known] = -torch.tensor(costs, dtype=torch.float32).view(len(known), len(known))
    return logits


class Prepared(nn.Module):
    """An honest model on top of a table that is trained on."""

    def __init__(self, ctx, table, gate=1.0):
        super().__init__()
        self.honest = recurrent(ctx)
        self.gate = nn.Parameter(torch.tensor(gate))
        self.pairs = nn.Embedding.from_pretrained(table, freeze=False)

    def forward(self, tokens):
        return self.honest(tokens) + self.gate * self.pairs(tokens)
