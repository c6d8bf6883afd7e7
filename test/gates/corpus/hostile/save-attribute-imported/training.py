# Another module of the bundle makes the object.
from dataclasses import dataclass

import torch


@dataclass
class Saver:
    folder: str

    def save(self, model):
        torch.save(model, self.folder + "/x.pt")  # finds prism:no-filesystem


def train(ctx):
    Saver(ctx.artifacts_dir).save({})
