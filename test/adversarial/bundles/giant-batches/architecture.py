"""Looks ahead where no decoy was seen, from weights that no rerun draws again, in as few batches as are allowed."""

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
