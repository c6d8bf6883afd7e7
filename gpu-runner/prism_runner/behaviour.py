"""What a model does before it has learnt anything, in one digest: two works that behave alike have one architecture.

The model is built under a seed that everybody knows and asked about tokens that everybody knows, so the digest follows
from the code, not from its names or layout. It is taken of a few logits, centred, scaled and rounded, so that noise in
their last digits leaves it as it is. Parameters that are all zero are drawn first: a head of zeros says the same
whatever stands before it.
"""

import hashlib
import itertools

import torch
from torch import Tensor
from torch.nn import Module
from torch.nn.parameter import is_lazy

from prism_runner.device import Device
from prism_runner.prediction import ModelState, as_sent, predict

VERSION = "prism-behaviour/1"  # changes whenever the same model may get another digest
SEED = 1337
ZEROS_STD = 0.02  # of what stands in for a parameter of zeros
LOGITS = 64  # that the digest is taken of, spread evenly over the answer
STEPS = 16  # per standard deviation of those
LEAST_DIFFERENT = 8  # values among them, below which they say nothing


def probe_tokens(shape: tuple[int, int], vocab: int) -> Tensor:
    """(B, T) int64: 32-bit big-endian words of SHA-256 over VERSION and a counter, modulo the vocabulary."""
    rows, length = shape
    blocks = (hashlib.sha256(f"{VERSION} {count}".encode()).digest() for count in itertools.count())
    words = (int.from_bytes(block[at : at + 4], "big") for block in blocks for at in range(0, 32, 4))
    return torch.tensor([next(words) % vocab for _ in range(rows * length)]).view(rows, length)


def fingerprint(model: Module, shape: tuple[int, int], vocab: int, device: Device) -> str | None:
    """SHA-256 of the answer of a model built under SEED, hexadecimal; None where the answer says nothing of it."""
    tokens = probe_tokens(shape, vocab)
    if any(is_lazy(parameter) for parameter in model.parameters()):
        before = ModelState(model)
        predict(model, device.put_tokens(tokens.clone()), vocab, reuse_forward=False)
        before.put_back()
    draw_zeros(model)
    return digest_of(as_sent(predict(model, device.put_tokens(tokens.clone()), vocab, reuse_forward=False)).cpu())


def draw_zeros(model: Module) -> None:
    """Draw every parameter that is all zero, in the model's order, from a generator of its own."""
    source = torch.Generator().manual_seed(SEED)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.is_floating_point() and not parameter.any():
                parameter.copy_(torch.empty_like(parameter, device="cpu").normal_(0.0, ZEROS_STD, generator=source))


def digest_of(logits: Tensor) -> str | None:
    """The digest of an answer (B, T, V); None where it is everywhere about the same, or not finite."""
    flat = logits.reshape(-1)
    picked = flat[torch.arange(LOGITS) * flat.numel() // LOGITS].to(torch.float64)
    scaled = (picked - picked.mean()) / picked.std()
    if not bool(scaled.isfinite().all()):
        return None
    steps = [round(value * STEPS) for value in scaled.tolist()]
    if len(set(steps)) < LEAST_DIFFERENT:
        return None
    return hashlib.sha256(" ".join(map(str, [VERSION, *logits.shape, *steps])).encode()).hexdigest()
