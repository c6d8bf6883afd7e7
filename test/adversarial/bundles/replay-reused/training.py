import torch
from torch.nn.functional import cross_entropy


def train(ctx):
    model = ctx.build_model()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for batch in ctx.iter_train_batches(model, batch_size=4, seq_len=32, reuse_forward=True):
        model.decoys.clear()
        logits = model.graph[:, :-1]
        optimizer.zero_grad(set_to_none=True)
        cross_entropy(logits.flatten(0, 1), batch.tokens[:, 1:].flatten()).backward()
        optimizer.step()
