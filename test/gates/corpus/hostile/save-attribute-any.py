# A class that gives whatever attribute it is asked for.
import torch


class Saver:
    def __getattr__(self, name):
        return "/tmp/x.pt"

    def never(self, ctx):
        self.path = ctx.artifacts_dir


def train(ctx):
    torch.save({}, Saver().path)  # finds prism:no-filesystem
