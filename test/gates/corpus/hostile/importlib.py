# The import system as a module.
from importlib import import_module  # finds prism:no-dynamic-import


def train(ctx):
    return import_module("os").name  # finds prism:no-dynamic-import prism:no-process
