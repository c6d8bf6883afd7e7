# A compiler is wanted, and there is none.
import torch


@torch.compile  # finds prism:no-torch-compile
def step(model, tokens):
    return model(tokens)
