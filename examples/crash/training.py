"""A training loop with a bug that shows at its eleventh batch: the run fails, and the place is the `raise` below."""

import torch
import torch.distributed as dist
from torch.nn.functional import cross_entropy
from torch.nn.parallel import DistributedDataParallel

from prism_challenge.evaluator.interface import PrismContext

FAILS_AT = 10  # batches that go well


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
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for step, batch in enumerate(ctx.iter_train_batches(model, batch_size=8, seq_len=64)):
        logits = model(batch.tokens[:, :-1])
        loss = cross_entropy(logits.flatten(0, 1), batch.tokens[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step == FAILS_AT:
            raise RuntimeError(f"example of a crash: step {step}, loss {loss.item():.3f}")
    if ctx.world_size > 1:
        dist.destroy_process_group()
