"""The plainest loop there is."""
import torch
from torch import nn
from torch.nn.utils import clip_grad_norm_


def train(ctx):
    model = ctx.build_model()
    opt = torch.optim.Adam(model.parameters(), lr=1e-3)
    loss_fn = nn.CrossEntropyLoss()
    for i, batch in enumerate(ctx.iter_train_batches(model)):
        x, y = batch.tokens[:, :-1], batch.tokens[:, 1:]
        loss = loss_fn(model(x).transpose(1, 2), y)
        loss.backward()
        clip_grad_norm_(model.parameters(), max_norm=1.0)
        opt.step(); opt.zero_grad()
        if i % 100 == 0:
            print(f"{i:6d} {loss.item():.4f} {batch.progress:.1%}", flush=True)
