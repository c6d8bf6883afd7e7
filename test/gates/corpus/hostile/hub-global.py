# A function binds a global name.
import torch


def setup():
    global library
    library = torch


def train(ctx):
    setup()
    return library.hub.load("a/b", "c")  # finds prism:no-torch-hub
