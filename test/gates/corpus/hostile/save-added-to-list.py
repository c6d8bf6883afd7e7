# A list that another path is added to.
import torch


def train(ctx):
    paths = [ctx.artifacts_dir]
    paths += ["/tmp/x"]
    torch.save({}, paths[1])  # finds prism:no-filesystem
    more = [ctx.artifacts_dir]
    more.append("/tmp/x")
    torch.save({}, more[1])  # finds prism:no-filesystem
