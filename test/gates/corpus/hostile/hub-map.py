# map calls a function of the bundle with the module.
import torch


def train(ctx):
    return list(map(lambda library: library.hub.load("a/b", "c"), [torch]))  # finds prism:no-torch-hub
