# A function of the bundle is handed the module.
import torch


def fetch(library):
    return library.hub.load("a/b", "c")  # finds prism:no-torch-hub


def train(ctx):
    fetch(torch)
