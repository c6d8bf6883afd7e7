import math
import torch
import torch.nn.functional as F

PEAK, FLOOR, WARMUP = 3e-3, 1e-4, 0.05


def lr_at(progress: float) -> float:
    if progress < WARMUP:
        return PEAK * progress / WARMUP
    t = (progress - WARMUP) / (1 - WARMUP)
    return FLOOR + 0.5 * (PEAK - FLOOR) * (1 + math.cos(math.pi * t))


def train(ctx):
    model = ctx.build_model().to(ctx.device).train()
    decay = [p for n, p in model.named_parameters() if p.dim() >= 2]
    other = [p for n, p in model.named_parameters() if p.dim() < 2]
    optimizer = torch.optim.AdamW([{"params": decay, "weight_decay": 0.1}, {"params": other, "weight_decay": 0.0}])
    for batch in ctx.iter_train_batches(model, batch_size=16, seq_len=128):
        for group in optimizer.param_groups:
            group.update(lr=lr_at(batch.progress))
        logits = model(batch.tokens[:, :-1])
        loss = F.cross_entropy(logits.reshape(-1, logits.shape[-1]), batch.tokens[:, 1:].reshape(-1))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
