# An absolute path takes the place of the one that it is joined to.
from pathlib import Path  # finds prism:no-filesystem

import torch


def train(ctx):
    path = Path(ctx.artifacts_dir)  # finds prism:no-filesystem
    path /= "/etc/x"
    torch.save({}, path)  # finds prism:no-filesystem
    torch.save({}, Path(ctx.artifacts_dir) / "/etc/x")  # finds prism:no-filesystem
    torch.save({}, Path(ctx.artifacts_dir).joinpath("/etc/x"))  # finds prism:no-filesystem
