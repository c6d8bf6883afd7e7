"""A training loop that keeps a log file: the static gate rejects the bundle at the line that opens it."""

import torch
import torch.distributed as dist
from torch.nn.functional import cross_entropy
from torch.nn.parallel import DistributedDataParallel

from prism_challenge.evaluator.interface import PrismContext


def train(ctx: PrismContext) -> None:
    if ctx.world_size > 1:
        dist.init_process_group(ctx.distributed_backend)
    device = torch.device(ctx.device)
    if device.type == "cuda":
        torch.cuda.set_device(ctx.local_rank)
    model = ctx.build_model().to(device)
    if ctx.world_size > 1:
        model = DistributedDataParallel(model)
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    log = open(f"{ctx.artifacts_dir}/losses.txt", "w")
    for batch in ctx.iter_train_batches(model, batch_size=8, seq_len=64):
        logits = model(batch.tokens[:, :-1])
        loss = cross_entropy(logits.flatten(0, 1), batch.tokens[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        log.write(f"{loss.item()}\n")
    if ctx.world_size > 1:
        dist.destroy_process_group()
