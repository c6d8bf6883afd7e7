# A lambda returns the module.
import torch

library = lambda: torch


def train(ctx):
    return library().hub.load("a/b", "c")  # finds prism:no-torch-hub
