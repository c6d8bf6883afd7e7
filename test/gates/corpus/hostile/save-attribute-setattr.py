# An attribute is set by functions that name it in pieces.
import torch


class Saver:
    def __init__(self, ctx):
        self.folder = ctx.artifacts_dir
        self.other = ctx.artifacts_dir


def train(ctx):
    saver = Saver(ctx)
    setattr(saver, "fol" + "der", "/tmp")
    object.__setattr__(saver, "other", "/tmp")
    torch.save({}, f"{saver.folder}/x.pt")  # finds prism:no-filesystem
    torch.save({}, f"{saver.other}/x.pt")  # finds prism:no-filesystem
