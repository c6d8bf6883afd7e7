"""Keeps where it writes in attributes, fields and dictionaries, and puts paths together step by step."""
from dataclasses import dataclass, field

import torch


@dataclass
class Progress:
    path: str | None = None
    losses: list[float] = field(default_factory=list)
    paths: dict[str, str] = field(default_factory=dict)


@dataclass
class Folder:
    root: str

    def file(self, model, name):
        path = self.root
        path += f"/{name}"
        path += ".pt"
        torch.save(model.state_dict(), path)


class Keeper:
    path = None

    def __init__(self, ctx, folder):
        self.folder = ctx.artifacts_dir
        self.best = self.folder + "/best.pt"
        self.folder += "/"
        self.given = folder
        self.paths = {}
        self.paths["last"] = f"{self.folder}last.pt"

    def keep(self, model, progress, is_best):
        torch.save(model.state_dict(), self.paths["last"])
        torch.save(progress.losses, f"{self.given}/losses.pt")
        self.path = self.best if is_best else self.paths["last"]
        torch.save(model.state_dict(), self.path)

    def restore(self, model):
        model.load_state_dict(torch.load(self.best))


def keep_losses(losses, path=None):
    if path is not None:
        torch.save(losses, path)


def train(ctx):
    model = ctx.build_model()
    keeper, progress = Keeper(ctx, ctx.artifacts_dir), Progress()
    progress.path = f"{ctx.artifacts_dir}/progress.pt"
    progress.paths["first"] = progress.path + ".first"
    names = []
    opt = torch.optim.AdamW(model.parameters())
    for step, batch in enumerate(ctx.iter_train_batches(model)):
        loss = torch.nn.functional.cross_entropy(model(batch.tokens[:, :-1]).mT, batch.tokens[:, 1:])
        opt.zero_grad()
        loss.backward()
        opt.step()
        progress.losses.append(loss.item())
        if ctx.rank == 0 and step % 100 == 0:
            path = ctx.artifacts_dir + "/"
            path += str(step)
            path = path + ".pt"
            names.append(path)
            torch.save(model.state_dict(), path)
            keeper.keep(model, progress, loss.item() <= min(progress.losses))
    if ctx.rank == 0:
        keeper.restore(model)
        torch.save(progress.losses, progress.path)
        torch.save(progress.losses[:1], progress.paths["first"])
        keep_losses(progress.losses, names[-1])
        Folder(root=ctx.artifacts_dir).file(model, "end")
