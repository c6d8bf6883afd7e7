# A carrier deep inside of torch.
import torch.nn.functional as F


def train(ctx):
    return F.importlib.import_module("os")  # finds prism:no-dynamic-import
