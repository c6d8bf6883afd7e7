"""Keeps the best weights and reads them back."""
import torch


def train(ctx):
    model = ctx.build_model()
    best, path = float("inf"), f"{ctx.artifacts_dir}/best.pt"
    opt = torch.optim.AdamW(model.parameters())
    for batch in ctx.iter_train_batches(model):
        loss = torch.nn.functional.cross_entropy(model(batch.tokens[:, :-1]).mT, batch.tokens[:, 1:])
        opt.zero_grad()
        loss.backward()
        opt.step()
        if loss.item() < best and ctx.rank == 0:
            best = loss.item()
            torch.save({"model": model.state_dict(), "loss": best}, path)
    if ctx.rank != 0:
        return
    model.load_state_dict(torch.load(path, map_location=ctx.device)["model"])
