# Bound by unpacking.
import torch

(a, (b, c)) = 1, (2, torch)


def train(ctx):
    return c.hub.load("a/b", "c")  # finds prism:no-torch-hub
