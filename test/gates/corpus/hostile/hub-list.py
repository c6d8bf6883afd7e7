# The module is taken out of a list.
import torch

things = [1, torch]


def train(ctx):
    return things[1].hub.load("a/b", "c")  # finds prism:no-torch-hub
