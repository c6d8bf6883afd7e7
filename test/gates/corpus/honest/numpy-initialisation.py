import numpy as np
import torch


def orthogonal(rows, cols, rng):
    a = rng.standard_normal((rows, cols))
    u, _, vt = np.linalg.svd(a, full_matrices=False)
    return torch.from_numpy((u if u.shape == (rows, cols) else vt).astype(np.float32))


def build_model(ctx):
    rng = np.random.default_rng(ctx.seed)
    model = torch.nn.Sequential(torch.nn.Embedding(ctx.vocab_size, 64), torch.nn.Linear(64, ctx.vocab_size))
    with torch.no_grad():
        model[1].weight.copy_(orthogonal(ctx.vocab_size, 64, rng))
    table = np.asarray([[np.sin(i / 10_000 ** (j / 64)) for j in range(64)] for i in range(512)])
    model.register_buffer("table", torch.as_tensor(table, dtype=torch.float32))
    return model
