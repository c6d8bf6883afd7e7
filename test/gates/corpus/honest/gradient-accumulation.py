import itertools

import torch
from torch.nn import functional as F

ACCUMULATE = 4


def train(ctx):
    model = ctx.build_model()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, nesterov=True)
    counter = itertools.count(1)
    for batch in ctx.iter_train_batches(model, batch_size=4, seq_len=64):
        tokens = batch.tokens
        loss = F.cross_entropy(model(tokens[:, :-1]).permute(0, 2, 1), tokens[:, 1:]) / ACCUMULATE
        loss.backward()
        if next(counter) % ACCUMULATE == 0:
            optimizer.step()
            optimizer.zero_grad()
