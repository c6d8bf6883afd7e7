# random imports from os under a name of its own.
from random import _os as helper  # finds prism:no-process


def train(ctx):
    return helper.listdir("/")  # finds prism:no-process
