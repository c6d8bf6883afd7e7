# The module hides in an attribute of an object.
import torch


class Box:
    def __init__(self, held):
        self.held = held


def train(ctx):
    return Box(torch).held.hub.load("a/b", "c")  # finds prism:no-torch-hub
