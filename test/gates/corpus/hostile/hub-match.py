# Bound by a pattern.
import torch


def train(ctx):
    match torch:
        case module:
            return module.hub.load("a/b", "c")  # finds prism:no-torch-hub
