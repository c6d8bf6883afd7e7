# The module is handed on in a list that is spread.
import torch

tools = [1, torch]


def fetch(n, library):
    return library.hub.load("a/b", "c")  # finds prism:no-torch-hub


def train(ctx):
    return fetch(*tools)
