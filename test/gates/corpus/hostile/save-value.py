# torch.save as a value: nobody sees what it is called with.
import torch

keep = [torch.save]  # finds prism:no-filesystem


def train(ctx):
    keep[0]({}, "/tmp/x")  # finds prism:no-filesystem
