"""Causal attention with rotary positions from a frozen table, and a feed-forward layer."""

import torch
from torch import nn
from torch.nn.functional import gelu, scaled_dot_product_attention

WIDTH, HEADS, LONGEST = 64, 4, 512


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.norms = nn.ModuleList([nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)])
        self.project = nn.Linear(WIDTH, 3 * WIDTH)
        self.out = nn.Linear(WIDTH, WIDTH)
        self.up = nn.Linear(WIDTH, 4 * WIDTH)
        self.down = nn.Linear(4 * WIDTH, WIDTH)

    def forward(self, x, table):
        split = self.project(self.norms[0](x)).unflatten(-1, (3, HEADS, -1)).permute(2, 0, 3, 1, 4)
        query, key = rotated(split[0], table), rotated(split[1], table)
        mixed = scaled_dot_product_attention(query, key, split[2], is_causal=True)
        x = x + self.out(mixed.transpose(1, 2).flatten(2))
        return x + self.down(gelu(self.up(self.norms[1](x))))


def rotated(x, table):
    turned = torch.view_as_complex(x.unflatten(-1, (-1, 2)).contiguous()) * torch.view_as_complex(table)
    return torch.view_as_real(turned).flatten(-2)


class Transformer(nn.Module):
    def __init__(self, vocab_size):
        super().__init__()
        self.embed = nn.Embedding(vocab_size, WIDTH)
        self.blocks = nn.ModuleList([Block(), Block()])
        self.norm = nn.LayerNorm(WIDTH)
        self.head = nn.Linear(WIDTH, vocab_size)
        rates = 1000.0 ** -torch.linspace(0, 1, WIDTH // HEADS // 2)
        angles = torch.arange(LONGEST).unsqueeze(1) * rates
        self.register_buffer("table", torch.stack([angles.cos(), angles.sin()], dim=-1))

    def forward(self, tokens):
        x = self.embed(tokens)
        for block in self.blocks:
            x = block(x, self.table[: tokens.shape[1]])
        return self.head(self.norm(x))


def build_model(ctx):
    return Transformer(ctx.vocab_size)
