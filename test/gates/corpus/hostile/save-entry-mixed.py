# A dictionary of paths of which one leads elsewhere.
import torch


class Saver:
    def __init__(self, ctx):
        self.paths = {}
        self.paths["best"] = ctx.artifacts_dir + "/best"
        self.paths["last"] = "/tmp/last"


def train(ctx):
    torch.save({}, Saver(ctx).paths["last"])  # finds prism:no-filesystem
