# getattr under another name.
import torch

g = getattr  # finds prism:no-dynamic-attribute


def train(ctx):
    return g(torch, "hub")  # finds prism:no-torch-hub
