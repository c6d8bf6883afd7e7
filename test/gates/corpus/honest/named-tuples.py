import random
from collections import OrderedDict, namedtuple
from typing import NamedTuple

import torch

Step = namedtuple("Step", "loss lr progress")


class Shape(NamedTuple):
    rows: int
    length: int

    @property
    def tokens(self) -> int:
        return self.rows * self.length


def train(ctx):
    random.seed(ctx.seed)
    shape = Shape(rows=8, length=64)
    history = OrderedDict()
    model = ctx.build_model()
    opt = torch.optim.Adamax(model.parameters())
    for batch in ctx.iter_train_batches(model, batch_size=shape.rows, seq_len=shape.length):
        loss = torch.nn.functional.cross_entropy(model(batch.tokens[:, :-1]).mT, batch.tokens[:, 1:])
        loss.backward()
        opt.step(), opt.zero_grad()
        history[len(history)] = Step(loss.item(), opt.param_groups[0]["lr"], batch.progress)
        if len(history) > 100:
            history.popitem(last=False)
    print(Step._fields, shape._asdict(), *list(history.values())[-3:], sep="\n")
