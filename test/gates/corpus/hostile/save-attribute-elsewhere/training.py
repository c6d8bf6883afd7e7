# Another module of the bundle sets the attribute.
import torch
from moving import move


class Saver:
    def __init__(self, ctx):
        self.folder = ctx.artifacts_dir
        move(self)

    def save(self, model):
        torch.save(model, self.folder + "/x.pt")  # finds prism:no-filesystem


def train(ctx):
    Saver(ctx).save({})
