"""A training loop with a bug that shows at its eleventh batch: the run fails, and the place is the `raise` below."""

import torch
from torch.nn.functional import cross_entropy

from prism_challenge.evaluator.interface import PrismContext

FAILS_AT = 10  # batches that go well


def train(ctx: PrismContext) -> None:
    model = ctx.build_model()
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for step, batch in enumerate(ctx.iter_train_batches(model, batch_size=8, seq_len=64)):
        logits = model(batch.tokens[:, :-1])
        loss = cross_entropy(logits.flatten(0, 1), batch.tokens[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step == FAILS_AT:
            raise RuntimeError(f"example of a crash: step {step}, loss {loss.item():.3f}")
