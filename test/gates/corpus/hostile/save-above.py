# A path that begins in the artifacts and climbs out.
import torch


def train(ctx):
    path = ctx.artifacts_dir + "/../../etc/x"
    torch.save({}, path)  # finds prism:no-filesystem
