# A path that climbs out by what is added to it.
import torch

UP = "/../../etc/x"


def train(ctx):
    path = ctx.artifacts_dir
    path += UP
    torch.save({}, path)  # finds prism:no-filesystem
    near = f"{ctx.artifacts_dir}/x"
    if ctx.rank == 0:
        near = f"{near}/../../x"
    torch.save({}, near)  # finds prism:no-filesystem
