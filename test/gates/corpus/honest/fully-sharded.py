import functools

import torch
import torch.distributed as dist
from torch.distributed.fsdp import FullyShardedDataParallel as FSDP
from torch.distributed.fsdp.wrap import size_based_auto_wrap_policy


def train(ctx):
    dist.init_process_group("nccl")
    torch.cuda.set_device(ctx.local_rank)
    policy = functools.partial(size_based_auto_wrap_policy, min_num_params=1_000_000)
    model = FSDP(ctx.build_model().cuda(), auto_wrap_policy=policy, device_id=ctx.local_rank)
    optimizer = torch.optim.AdamW(model.parameters())
    for batch in ctx.iter_train_batches(model):
        loss = torch.nn.functional.cross_entropy(model(batch.tokens[:, :-1]).mT, batch.tokens[:, 1:])
        loss.backward()
        model.clip_grad_norm_(1.0)
        optimizer.step()
        optimizer.zero_grad()
    dist.barrier()
    dist.destroy_process_group()
