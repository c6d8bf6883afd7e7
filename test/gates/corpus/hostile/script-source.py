# TorchScript from a text.
import torch


def train(ctx):
    return torch.jit.CompilationUnit("def f(x): return x")  # finds prism:no-dynamic-code
