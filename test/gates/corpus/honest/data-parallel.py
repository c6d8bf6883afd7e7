"""All that several GPUs need, and nothing of it with one."""
import torch
import torch.distributed as dist
from torch.nn.functional import cross_entropy
from torch.nn.parallel import DistributedDataParallel as DDP


def is_main(ctx):
    return ctx.rank == 0


def save(model, path):
    torch.save(model.state_dict(), path)


def train(ctx):
    parallel = ctx.world_size > 1
    if parallel:
        dist.init_process_group(backend=ctx.distributed_backend)
    if torch.cuda.is_available():
        torch.cuda.set_device(ctx.local_rank)
    model = ctx.build_model().to(ctx.device)
    wrapped = DDP(model) if parallel else model
    opt = torch.optim.AdamW(wrapped.parameters(), lr=1e-3)
    for step, batch in enumerate(ctx.iter_train_batches(wrapped)):
        loss = cross_entropy(wrapped(batch.tokens[:, :-1]).flatten(0, 1), batch.tokens[:, 1:].flatten())
        opt.zero_grad()
        loss.backward()
        opt.step()
        if step % 50 == 0 and is_main(ctx):
            print(step, float(loss))
    if is_main(ctx):
        save(wrapped, f"{ctx.artifacts_dir}/last.pt")
    if parallel:
        dist.destroy_process_group()
