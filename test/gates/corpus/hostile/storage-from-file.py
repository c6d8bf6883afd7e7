# A storage over a file.
import torch


def train(ctx):
    return torch.UntypedStorage.from_file("/etc/passwd", False, 10)  # finds prism:no-filesystem
