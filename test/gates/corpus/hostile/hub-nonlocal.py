# An inner function binds an outer one's name.
import torch


def train(ctx):
    library = None

    def setup():
        nonlocal library
        library = torch

    setup()
    return library.hub.load("a/b", "c")  # finds prism:no-torch-hub
