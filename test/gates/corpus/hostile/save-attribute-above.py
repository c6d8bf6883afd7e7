# A path that climbs out on its way through an attribute.
import torch


class Saver:
    def __init__(self, ctx):
        self.folder = ctx.artifacts_dir
        self.folder += "/../.."
        self.name = "../x.pt"

    def save(self, model, ctx):
        torch.save(model, self.folder + "/x.pt")  # finds prism:no-filesystem
        torch.save(model, f"{ctx.artifacts_dir}/{self.name}")  # finds prism:no-filesystem


def train(ctx):
    Saver(ctx).save({}, ctx)
