from math import *

import torch
from torch import einsum, nn


def softcap(x, cap=30.0):
    return cap * torch.tanh(x / cap)


class Alibi(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.heads, self.scale = heads, 1 / sqrt(dim // heads)
        self.qkv = nn.Parameter(torch.randn(3, heads, dim, dim // heads) / sqrt(dim))
        self.out = nn.Parameter(torch.randn(heads, dim // heads, dim) / sqrt(dim))
        self.register_buffer("slopes", torch.tensor([2 ** (-8 * (h + 1) / heads) for h in range(heads)]))

    def forward(self, x):
        q, k, v = einsum("btd,shde->sbhte", x, self.qkv)
        t = x.shape[1]
        distance = torch.arange(t)[:, None] - torch.arange(t)[None, :]
        bias = (-self.slopes[:, None, None] * distance).masked_fill(distance < 0, -inf)
        weights = (softcap(einsum("bhte,bhse->bhts", q, k) * self.scale) + bias).softmax(-1)
        return einsum("bhts,bhse,hed->btd", weights, v, self.out)
