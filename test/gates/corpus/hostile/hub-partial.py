# A function of the bundle is bound to the module.
import functools

import torch


def fetch(library, name):
    return library.hub.load("a/b", name)  # finds prism:no-torch-hub


def train(ctx):
    return functools.partial(fetch, torch)("c")
