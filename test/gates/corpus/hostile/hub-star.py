# A star import hides where the name comes from.
from torch import *


def train(ctx):
    return hub.load("a/b", "c")  # finds prism:no-torch-hub
