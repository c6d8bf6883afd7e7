# A write outside of the artifacts.
import torch


def train(ctx):
    torch.save({"dir": ctx.artifacts_dir}, "/tmp/weights.pt")  # finds prism:no-filesystem
