# torch carries os as an attribute.
import torch


def train(ctx):
    torch.os.system("id")  # finds prism:no-process
