# The module comes as one of any keywords.
import torch


def fetch(**tools):
    return tools["library"].hub.load("a/b", "c")  # finds prism:no-torch-hub


def train(ctx):
    return fetch(library=torch)
