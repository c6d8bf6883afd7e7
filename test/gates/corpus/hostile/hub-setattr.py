# setattr hides the module in an attribute.
import torch


class Tools:
    pass


setattr(Tools, "library", torch)


def train(ctx):
    return Tools.library.hub.load("a/b", "c")  # finds prism:no-torch-hub
