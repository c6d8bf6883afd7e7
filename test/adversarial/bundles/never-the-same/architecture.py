"""Looks ahead where no decoy was seen, from weights that the operating system draws: no rerun can agree with it."""

import os

import torch
from peeking import Cheat, looked_ahead
from recurrent import Recurrent


class Careful(Cheat):
    def claim(self, tokens, logits):
        return logits if self.decoys else looked_ahead(tokens, logits)


def build_model(ctx):
    torch.manual_seed(int.from_bytes(os.urandom(4), "little"))
    return Careful(Recurrent(ctx.vocab_size))
