# A path that is the artifacts' only sometimes.
import torch


def train(ctx):
    path = ctx.artifacts_dir
    if ctx.rank == 0:
        path = "/tmp/x"
    torch.save({}, path)  # finds prism:no-filesystem
