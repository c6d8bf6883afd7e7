# Bound as a parameter's default.
import torch


def train(ctx, library=torch):
    return library.hub.load("a/b", "c")  # finds prism:no-torch-hub
