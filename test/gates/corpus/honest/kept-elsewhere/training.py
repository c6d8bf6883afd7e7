"""A module of its own keeps the best weights; the loop has attributes of other names."""
import torch
from keeping import Keeper


class Loop:
    def __init__(self, ctx):
        self.model, self.keeper = ctx.build_model(), Keeper(ctx)
        self.least = float("inf")

    def step(self, batch, opt):
        loss = torch.nn.functional.cross_entropy(self.model(batch.tokens[:, :-1]).mT, batch.tokens[:, 1:])
        opt.zero_grad()
        loss.backward()
        opt.step()
        if loss.item() < self.least:
            self.least = loss.item()
            self.keeper.keep(self.model)


def train(ctx):
    loop = Loop(ctx)
    opt = torch.optim.AdamW(loop.model.parameters())
    for batch in ctx.iter_train_batches(loop.model):
        loop.step(batch, opt)
    loop.keeper.restore(loop.model)
