import torch
from torch import Tensor


def loss_of(logits: Tensor, targets: Tensor, *, smoothing: float = 0.0, z: float = 1e-4) -> Tensor:
    lse = torch.logsumexp(logits, dim=-1)
    picked = logits.gather(-1, targets[..., None]).squeeze(-1)
    nll = lse - picked
    if smoothing > 0:
        nll = (1 - smoothing) * nll + smoothing * (lse - logits.mean(-1))
    return (nll + z * lse**2).mean()


def train(ctx):
    model = ctx.build_model()
    optimizer = torch.optim.NAdam(model.parameters(), lr=2e-3)
    for batch in ctx.iter_train_batches(model):
        loss = loss_of(model(batch.tokens[:, :-1]), batch.tokens[:, 1:], smoothing=0.1 * (1 - batch.progress))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
