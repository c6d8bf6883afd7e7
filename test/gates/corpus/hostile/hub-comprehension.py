# Bound inside of a comprehension.
import torch


def train(ctx):
    return [m.hub.load("a/b", "c") for m in [torch]]  # finds prism:no-torch-hub
