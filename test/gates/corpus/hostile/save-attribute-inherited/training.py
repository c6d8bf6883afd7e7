# A class of another module gives whatever attribute it is asked for.
import torch
from giving import Giving


class Saver(Giving):
    def never(self, ctx):
        self.path = ctx.artifacts_dir


def train(ctx):
    torch.save({}, Saver().path)  # finds prism:no-filesystem
