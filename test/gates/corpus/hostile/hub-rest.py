# The module is one of any number of arguments.
import torch


def fetch(*tools):
    return tools[1].hub.load("a/b", "c")  # finds prism:no-torch-hub


def train(ctx):
    return fetch(1, torch)
