# A function of the bundle returns the module.
import torch


def library():
    return torch


def train(ctx):
    return library().hub.load("a/b", "c")  # finds prism:no-torch-hub
