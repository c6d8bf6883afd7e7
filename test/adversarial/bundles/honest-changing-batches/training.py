"""Small batches at first, for many steps while they help most; larger and longer ones later."""

import torch
from loop import fit

SHAPES = [(2, 24), (4, 32), (6, 48)]


def train(ctx):
    model = ctx.build_model()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for number, (batch_size, seq_len) in enumerate(SHAPES, start=1):
        for batch in ctx.iter_train_batches(model, batch_size=batch_size, seq_len=seq_len):
            fit(model, optimizer, batch.tokens)
            if batch.progress > number / len(SHAPES):
                break
