# The carrier can't be followed, its attribute can be seen.
import torch


def train(ctx):
    return pick(torch)[0].os.getcwd()  # finds prism:no-process
