"""There is one decoy in every unit of Lambda: once it has come, the rest of the unit is free of them.

So the stream is taken in short rows while a decoy is due, and in long ones, many bytes for the same Lambda, while none
is; near the end, where the model is best, in short rows only, for as many decoys as can be had.
"""

import torch
from loop import fit

SHORT, LONG = 16, 250  # a batch of either adds FRAMES_PER_BATCH to Lambda
FRAMES_PER_BATCH = 0.25


def train(ctx):
    model = ctx.build_model()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    rows = ctx.token_budget // 64 // LONG
    reached, progress = 0.0, 0.0
    while True:
        model.is_free = reached + FRAMES_PER_BATCH <= model.decoys
        length = LONG if model.is_free and progress < 0.85 else SHORT
        batch = next(ctx.iter_train_batches(model, batch_size=rows, seq_len=length), None)
        if batch is None:
            return
        reached += FRAMES_PER_BATCH if reached else 1.0
        progress = batch.progress
        fit(model, optimizer, batch.tokens)
