"""A decoder with rotary positions, grouped queries and RMS norms."""

import math
from dataclasses import dataclass

import torch
import torch.nn as nn
import torch.nn.functional as F

from prism_challenge.evaluator.interface import PrismContext


@dataclass(frozen=True)
class Config:
    width: int = 256
    depth: int = 4
    heads: int = 8
    groups: int = 2
    theta: float = 10_000.0

    def __post_init__(self):
        object.__setattr__(self, "head_width", self.width // self.heads)


class RMSNorm(nn.Module):
    def __init__(self, width, eps=1e-6):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.eps = eps

    def forward(self, input):
        return input * torch.rsqrt(input.pow(2).mean(-1, keepdim=True) + self.eps) * self.weight


class Attention(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        self.q = nn.Linear(config.width, config.width, bias=False)
        self.kv = nn.Linear(config.width, 2 * config.groups * config.head_width, bias=False)
        self.o = nn.Linear(config.width, config.width, bias=False)
        steps = torch.arange(0, config.head_width, 2).float() / config.head_width
        self.register_buffer("frequencies", config.theta**-steps, persistent=False)

    def rotate(self, x):
        positions = torch.arange(x.shape[-2], device=x.device)[:, None] * self.frequencies
        cos, sin = positions.cos(), positions.sin()
        even, odd = x[..., ::2], x[..., 1::2]
        return torch.stack((even * cos - odd * sin, even * sin + odd * cos), dim=-1).flatten(-2)

    def forward(self, x):
        b, t, c = x.shape
        h, g, d = self.config.heads, self.config.groups, self.config.head_width
        q = self.q(x).view(b, t, h, d).transpose(1, 2)
        k, v = self.kv(x).view(b, t, 2, g, d).permute(2, 0, 3, 1, 4)
        k, v = (part.repeat_interleave(h // g, dim=1) for part in (k, v))
        y = F.scaled_dot_product_attention(self.rotate(q), self.rotate(k), v, is_causal=True)
        return self.o(y.transpose(1, 2).reshape(b, t, c))


def init_weights(module):
    if isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, std=0.02 / math.sqrt(2))


def build_model(ctx: PrismContext) -> nn.Module:
    config = Config()
    model = nn.Sequential(nn.Embedding(ctx.vocab_size, config.width), Attention(config), RMSNorm(config.width))
    model.append(nn.Linear(config.width, ctx.vocab_size))
    return model.apply(init_weights)
