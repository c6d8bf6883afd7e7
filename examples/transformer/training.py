"""One pass over the stream. Every batch has been predicted and charged before it arrives here."""

import torch
from torch.nn.functional import cross_entropy

from prism_challenge.evaluator.interface import PrismContext

BATCH_SIZE = 8
SEQ_LEN = 64
LEARNING_RATE = 4e-3
WARMUP = 0.02  # share of the stream


def train(ctx: PrismContext) -> None:
    model = ctx.build_model()
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, betas=(0.9, 0.98), weight_decay=0.01)
    for batch in ctx.iter_train_batches(model, batch_size=BATCH_SIZE, seq_len=SEQ_LEN):
        for group in optimizer.param_groups:
            group["lr"] = LEARNING_RATE * scale(batch.progress)
        logits = model(batch.tokens[:, :-1])  # (B, T-1, V): position t predicts token t + 1
        loss = cross_entropy(logits.flatten(0, 1), batch.tokens[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()


def scale(progress: float) -> float:
    """Warm up, then fall to a tenth. It follows the stream: a schedule that reads the clock can't be reproduced."""
    return min(1.0, progress / WARMUP) * (1.0 - 0.9 * progress)
