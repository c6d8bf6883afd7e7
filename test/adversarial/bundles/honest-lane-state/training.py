import torch
from torch.nn.functional import cross_entropy


def train(ctx):
    model = ctx.build_model()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for batch in ctx.iter_train_batches(model, batch_size=4, seq_len=32):
        logits = model(batch.tokens)[:, :-1]  # whole rows, so that the state is carried as it was in the prediction
        loss = cross_entropy(logits.flatten(0, 1), batch.tokens[:, 1:].flatten())
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
