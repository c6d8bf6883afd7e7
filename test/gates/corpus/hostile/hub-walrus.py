# Bound in the middle of an expression.
import torch


def train(ctx):
    return (t := torch) and t.hub.load("a/b", "c")  # finds prism:no-torch-hub
