import copy
import torch
import torch.nn.functional as F


class EMA:
    def __init__(self, model, decay=0.999):
        self.shadow = copy.deepcopy(model).eval().requires_grad_(False)
        self.decay = decay

    def update(self, model):
        with torch.no_grad():
            for s, p in zip(self.shadow.parameters(), model.parameters()):
                s.lerp_(p, 1 - self.decay)


def train(ctx):
    model = ctx.build_model()
    ema = EMA(model)
    opt = torch.optim.AdamW(model.parameters(), lr=1e-3)
    for batch in ctx.iter_train_batches(ema.shadow, batch_size=8, seq_len=64):
        model.train()
        loss = F.cross_entropy(model(batch.tokens[:, :-1]).flatten(0, 1), batch.tokens[:, 1:].flatten())
        opt.zero_grad(); loss.backward(); opt.step()
        ema.update(model)
