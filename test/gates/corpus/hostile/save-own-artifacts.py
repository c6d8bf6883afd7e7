# Something else under the name of the artifacts' folder.
import torch

artifacts_dir = "/tmp"


class Context:
    artifacts_dir = "/tmp"


def train(ctx):
    torch.save({}, artifacts_dir + "/x")  # finds prism:no-filesystem
    torch.save({}, Context.artifacts_dir + "/x")  # finds prism:no-filesystem
