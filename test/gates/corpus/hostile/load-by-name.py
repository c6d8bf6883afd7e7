# torch.load by getattr.
import torch


def train(ctx):
    return getattr(torch, "lo" + "ad")("weights.txt")  # finds prism:no-deserialization
