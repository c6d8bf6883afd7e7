# An attribute that is the artifacts' folder, and something else later.
import torch


class Saver:
    def __init__(self, ctx):
        self.folder = ctx.artifacts_dir

    def move(self):
        self.folder = "/tmp"

    def save(self, model):
        torch.save(model, self.folder + "/x.pt")  # finds prism:no-filesystem


def train(ctx):
    saver = Saver(ctx)
    saver.move()
    saver.save({})
