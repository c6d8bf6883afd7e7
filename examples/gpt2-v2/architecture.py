"""A bundle as it was written for PRISM v2: a one-layer GRU over GPT-2 tokens, input and output embedding tied."""

import torch
from torch import nn

from prism_challenge.evaluator.interface import PrismContext

WIDTH = 64


class TiedGru(nn.Module):
    def __init__(self, vocab_size: int, width: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, width)
        self.gru = nn.GRU(width, width, batch_first=True)
        self.norm = nn.LayerNorm(width)
        self.bias = nn.Parameter(torch.zeros(vocab_size))
        nn.init.normal_(self.embedding.weight, std=0.02)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:  # (B, T) -> (B, T, V)
        states, _ = self.gru(self.embedding(tokens))
        return nn.functional.linear(self.norm(states), self.embedding.weight, self.bias)


def build_model(ctx: PrismContext) -> nn.Module:
    return TiedGru(ctx.vocab_size, WIDTH)
