# The artifacts' folder stands behind another one, or is cut away.
import torch


def train(ctx):
    path = "/tmp"
    path += ctx.artifacts_dir
    torch.save({}, path)  # finds prism:no-filesystem
    torch.save({}, f"/tmp/{ctx.artifacts_dir}")  # finds prism:no-filesystem
    none = ctx.artifacts_dir
    none *= 0
    none += "/tmp/x"
    torch.save({}, none)  # finds prism:no-filesystem
