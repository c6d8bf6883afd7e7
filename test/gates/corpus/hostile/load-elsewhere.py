# Unpickling a file of the bundle.
import torch


def train(ctx):
    return torch.load("weights.txt", weights_only=False)  # finds prism:no-deserialization
