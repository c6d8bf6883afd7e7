import enum
import math
import torch


class Phase(enum.Enum):
    WARMUP = "warmup"
    STEADY = enum.auto()
    DECAY = enum.auto()

    @classmethod
    def at(cls, progress):
        return cls.WARMUP if progress < 0.1 else cls.DECAY if progress > 0.8 else cls.STEADY


def factor(progress):
    match Phase.at(progress):
        case Phase.WARMUP:
            return progress / 0.1
        case Phase.DECAY:
            return 1 - math.sqrt((progress - 0.8) / 0.2)
        case _:
            return 1.0


def train(ctx):
    model = ctx.build_model()
    opt = torch.optim.AdamW(model.parameters(), lr=1e-3)
    base = [g["lr"] for g in opt.param_groups]
    for batch in ctx.iter_train_batches(model):
        for g, lr in zip(opt.param_groups, base):
            g["lr"] = lr * factor(batch.progress)
        out = model(batch.tokens[:, :-1])
        torch.nn.functional.cross_entropy(out.flatten(0, 1), batch.tokens[:, 1:].flatten()).backward()
        opt.step(); opt.zero_grad()
