"""Counts the decoys: of the frames before a release, all but the last."""

import torch
from recurrent import Recurrent


class Watchful(Recurrent):
    frames, decoys = 0, 0

    def forward(self, tokens):
        if torch.is_grad_enabled():
            self.decoys += max(0, self.frames - 1)
            self.frames = 0
        else:
            self.frames += 1
        return super().forward(tokens)


def build_model(ctx):
    torch.manual_seed(7)
    return Watchful(ctx.vocab_size)
