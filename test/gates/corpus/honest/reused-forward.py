"""The scored forward is the training forward."""
import torch
from torch.nn.functional import cross_entropy


def train(ctx):
    model = ctx.build_model()
    optimizer = torch.optim.RMSprop(model.parameters(), lr=1e-3)
    for batch in ctx.iter_train_batches(model, batch_size=16, seq_len=64, reuse_forward=True):
        loss = cross_entropy(batch.logits[:, :-1].flatten(0, 1), batch.tokens[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
