# vars gives a module's names as a dictionary.
import torch


def train(ctx):
    return vars(torch)["hub"]  # finds prism:no-dynamic-code
