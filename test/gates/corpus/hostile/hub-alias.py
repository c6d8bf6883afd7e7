# `from torch import hub as h`.
from torch import hub as h  # finds prism:no-torch-hub


def train(ctx):
    return h.load("a/b", "c")  # finds prism:no-torch-hub
