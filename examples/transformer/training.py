"""One pass over the stream. Every batch has been predicted and charged before it arrives here."""

import torch
import torch.distributed as dist
from torch.nn.functional import cross_entropy
from torch.nn.parallel import DistributedDataParallel

from prism_challenge.evaluator.interface import PrismContext

BATCH_SIZE = 8
SEQ_LEN = 64
LEARNING_RATE = 4e-3
WARMUP = 0.02  # share of the stream


def train(ctx: PrismContext) -> None:
    if ctx.world_size > 1:  # the multi-GPU contract; a scored run is one process
        dist.init_process_group(ctx.distributed_backend)
    device = torch.device(ctx.device)
    if device.type == "cuda":
        torch.cuda.set_device(ctx.local_rank)
    model = ctx.build_model().to(device)
    if ctx.world_size > 1:
        model = DistributedDataParallel(model)
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
    if ctx.world_size > 1:
        dist.destroy_process_group()


def scale(progress: float) -> float:
    """Warm up, then fall to a tenth. It follows the stream: a schedule that reads the clock can't be reproduced."""
    return min(1.0, progress / WARMUP) * (1.0 - 0.9 * progress)
