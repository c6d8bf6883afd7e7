# A path that is the artifacts' in one of two cases.
import torch


def train(ctx):
    torch.save({}, ctx.artifacts_dir if ctx.rank else "/tmp/x")  # finds prism:no-filesystem
    torch.save({}, "/tmp/x" if ctx.artifacts_dir else "/tmp/y")  # finds prism:no-filesystem
    torch.save({}, ctx.artifacts_dir and "/tmp/x")  # finds prism:no-filesystem
