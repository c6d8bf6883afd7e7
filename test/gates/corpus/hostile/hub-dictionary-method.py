# The module is taken out of a dictionary by a method.
import torch

things = {"t": torch}


def train(ctx):
    return things.get("t").hub.list("a/b")  # finds prism:no-torch-hub
