# The module hides in a class.
import torch


class Box:
    held = torch


def train(ctx):
    return Box.held.hub.load("a/b", "c")  # finds prism:no-torch-hub
