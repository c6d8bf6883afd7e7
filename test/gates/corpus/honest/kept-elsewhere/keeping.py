import torch


class Keeper:
    def __init__(self, ctx):
        self.folder = ctx.artifacts_dir
        object.__setattr__(self, "best", f"{self.folder}/best.pt")

    def keep(self, model):
        torch.save(model.state_dict(), self.best)

    def restore(self, model):
        model.load_state_dict(torch.load(self.best))
