"""A small decoder-only transformer: pre-norm blocks of causal attention and a gated feed-forward layer."""

import torch
from torch import Tensor, nn
from torch.nn.functional import pad, scaled_dot_product_attention, silu

from prism_challenge.evaluator.interface import PrismContext

ARCHITECTURE_NAME = "Transformer"
WIDTH = 128  # channels of the residual stream; a multiple of HEADS
DEPTH = 2
HEADS = 4


class Attention(nn.Module):
    """Causal: position t attends to positions 0 … t."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.project = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:  # (B, T, C) -> (B, T, C)
        rows, length, width = x.shape
        split = self.project(x).view(rows, length, 3, self.heads, width // self.heads)
        query, key, value = split.permute(2, 0, 3, 1, 4)  # each (B, heads, T, C / heads)
        mixed = scaled_dot_product_attention(query, key, value, is_causal=True)
        return self.out(mixed.transpose(1, 2).reshape(rows, length, width))


class FeedForward(nn.Module):
    """Position by position."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.up = nn.Linear(width, 4 * width, bias=False)
        self.down = nn.Linear(2 * width, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:  # (B, T, C) -> (B, T, C)
        gate, value = self.up(x).chunk(2, dim=-1)
        return self.down(silu(gate) * value)


class Block(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(width)  # over channels: each position by itself
        self.attention = Attention(width, heads)
        self.feed_forward_norm = nn.LayerNorm(width)
        self.feed_forward = FeedForward(width)

    def forward(self, x: Tensor) -> Tensor:  # (B, T, C) -> (B, T, C)
        x = x + self.attention(self.attention_norm(x))
        return x + self.feed_forward(self.feed_forward_norm(x))


class Transformer(nn.Module):
    def __init__(self, vocab_size: int, width: int, depth: int, heads: int, longest: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, width)
        self.previous = nn.Embedding(vocab_size, width)  # pairs are known before attention has learned to look
        self.position = nn.Parameter(0.02 * torch.randn(longest, width))
        self.blocks = nn.Sequential(*(Block(width, heads) for _ in range(depth)))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, vocab_size)
        nn.init.normal_(self.embedding.weight, std=0.02)
        nn.init.normal_(self.previous.weight, std=0.02)
        nn.init.zeros_(self.head.weight)  # the first prediction is uniform: log2 V bits a token, and no worse
        nn.init.zeros_(self.head.bias)

    def forward(self, tokens: Tensor) -> Tensor:  # (B, T) -> (B, T, V)
        before = pad(self.previous(tokens[:, :-1]), (0, 0, 1, 0))  # (B, T, C): what stands one position earlier
        x = self.embedding(tokens) + before + self.position[: tokens.shape[1]]
        return self.head(self.norm(self.blocks(x)))


def build_model(ctx: PrismContext) -> nn.Module:
    return Transformer(ctx.vocab_size, WIDTH, DEPTH, HEADS, longest=512)
