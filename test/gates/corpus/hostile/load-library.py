# A shared object as a set of operations.
import torch


def train(ctx):
    torch.ops.load_library("/tmp/x.so")  # finds prism:no-ffi
