import contextlib
import torch


def precision(device):
    if device.startswith("cuda"):
        return torch.autocast("cuda", dtype=torch.bfloat16)
    return contextlib.nullcontext()


def train(ctx):
    torch.set_float32_matmul_precision("high")
    model = ctx.build_model().to(ctx.device)
    scaler = torch.amp.GradScaler(enabled=False)
    optimizer = torch.optim.AdamW(model.parameters(), lr=6e-4, fused=ctx.device.startswith("cuda"))
    for batch in ctx.iter_train_batches(model):
        with precision(ctx.device):
            logits = model(batch.tokens[:, :-1])
            loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), batch.tokens[:, 1:].flatten())
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        optimizer.zero_grad(set_to_none=True)
