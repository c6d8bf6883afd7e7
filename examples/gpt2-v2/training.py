"""A training loop as it was written for PRISM v2, ready for several GPUs; a scored run is one process."""

import torch
import torch.distributed as dist
from torch.nn.functional import cross_entropy
from torch.nn.parallel import DistributedDataParallel

from prism_challenge.evaluator.interface import PrismContext

BATCH_SIZE = 4
SEQ_LEN = 64
LEARNING_RATE = 5e-3


def train(ctx: PrismContext) -> None:
    if ctx.world_size > 1:
        dist.init_process_group(ctx.distributed_backend)
    device = torch.device(ctx.device)
    if device.type == "cuda":
        torch.cuda.set_device(ctx.local_rank)
    model = ctx.build_model().to(device)
    if ctx.world_size > 1:
        model = DistributedDataParallel(model, device_ids=[ctx.local_rank] if device.type == "cuda" else None)
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, betas=(0.9, 0.98), weight_decay=0.0)
    for batch in ctx.iter_train_batches(model, batch_size=BATCH_SIZE, seq_len=SEQ_LEN):
        tokens = batch.tokens.to(device)
        logits = model(tokens[:, :-1])
        loss = cross_entropy(logits.reshape(-1, logits.size(-1)), tokens[:, 1:].reshape(-1))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    if ctx.rank == 0:
        torch.save(model.state_dict(), f"{ctx.artifacts_dir}/model.pt")
    if ctx.world_size > 1:
        dist.destroy_process_group()
