"""Fused kernels where they are there, plain ones elsewhere."""
import torch

try:
    from torch.nn.attention import SDPBackend, sdpa_kernel
except ImportError:
    sdpa_kernel = None

try:
    optimizer_class = torch.optim.AdamW
    fused = {"fused": torch.cuda.is_available()}
except (AttributeError, RuntimeError) as error:
    print("no fused optimizer:", error)
    fused = {}
finally:
    torch.manual_seed(0)


def attention(q, k, v):
    if sdpa_kernel is not None and q.is_cuda:
        with sdpa_kernel([SDPBackend.FLASH_ATTENTION, SDPBackend.MATH]):
            return torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
    return torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)


def train(ctx):
    model = ctx.build_model()
    optimizer = optimizer_class(model.parameters(), **fused)
    while True:
        try:
            batch = next(iter(ctx.iter_train_batches(model)))
        except StopIteration:
            return
        model(batch.tokens).mean().backward()
        optimizer.step()
        if not torch.isfinite(batch.tokens.float()).all():
            raise RuntimeError("not a number")
