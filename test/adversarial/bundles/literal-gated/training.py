import torch
from loop import fit


def train(ctx):
    model = ctx.build_model()
    gate = [{"params": [model.gate], "lr": 0.2}]
    optimizer = torch.optim.AdamW([*gate, {"params": model.honest.parameters()}], lr=3e-3)
    for batch in ctx.iter_train_batches(model, batch_size=4, seq_len=32):
        fit(model, optimizer, batch.tokens)
