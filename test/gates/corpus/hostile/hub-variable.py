# The module goes through variables first.
import torch

t = torch
u = t


def train(ctx):
    return u.hub.load("a/b", "c")  # finds prism:no-torch-hub
