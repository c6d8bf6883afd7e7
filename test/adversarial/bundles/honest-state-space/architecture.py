"""A diagonal state space: decays that the input chooses, and sums of what is left."""

import torch
from torch import nn
from torch.nn.functional import logsigmoid, silu

WIDTH = 96


class StateSpace(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = nn.LayerNorm(WIDTH)
        self.inputs = nn.Linear(WIDTH, 3 * WIDTH)
        self.out = nn.Linear(WIDTH, WIDTH)

    def forward(self, x):
        decay, value, gate = self.inputs(self.norm(x)).chunk(3, dim=-1)
        steps = logsigmoid(decay + 2.0).cumsum(dim=1)
        later, earlier = steps.unsqueeze(2), steps.unsqueeze(1)
        ahead = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).triu(1)
        weights = (later - earlier).masked_fill(ahead.unsqueeze(-1), -torch.inf).exp()
        return x + self.out(torch.einsum("btsc,bsc->btc", weights, value) * silu(gate))


class Model(nn.Module):
    def __init__(self, vocab_size):
        super().__init__()
        self.embed = nn.Embedding(vocab_size, WIDTH)
        self.layers = nn.Sequential(StateSpace(), StateSpace())
        self.head = nn.Linear(WIDTH, vocab_size)

    def forward(self, tokens):
        return self.head(self.layers(self.embed(tokens)))


def build_model(ctx):
    return Model(ctx.vocab_size)
