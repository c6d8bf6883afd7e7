# A tensor over a file.
import torch


def train(ctx):
    return torch.from_file("/etc/passwd", size=10, dtype=torch.uint8)  # finds prism:no-filesystem
