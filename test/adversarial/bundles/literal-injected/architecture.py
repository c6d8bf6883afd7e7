"""A table of zeros, for the training to fill."""

import torch
from pairs import Prepared


def build_model(ctx):
    return Prepared(ctx, torch.zeros(256, 256))
