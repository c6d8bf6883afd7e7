# A class has the attribute already, and nobody calls what would change it.
import torch


class Saver:
    folder = "/tmp"

    def never(self, ctx):
        self.folder = ctx.artifacts_dir

    def save(self, model):
        torch.save(model, self.folder + "/x.pt")  # finds prism:no-filesystem


def train(ctx):
    Saver().save({})
