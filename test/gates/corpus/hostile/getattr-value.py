# getattr as a value.
import functools
import torch


def train(ctx):
    return functools.reduce(getattr, ["hub", "load"], torch)  # finds prism:no-dynamic-attribute
