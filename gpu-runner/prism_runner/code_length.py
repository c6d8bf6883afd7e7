"""What a token costs: its code length under the contestant's prediction, in integer microNats.

    p  = softmax(logits)[token]           max and exp in float32, the sum in float64
    p' = (1 - EPSILON) p + EPSILON / V    still a proper code; bounds a token's cost by ln(V / EPSILON)
    cost = round(-ln p' * 10^6)           rounded once a token, so that every later sum is exact

A logit of -inf is p = 0 for that class. A row with NaN or +inf, or with nothing but -inf, is no distribution: p = 0.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

EPSILON = 2.0**-12
MICRO_NATS = 1_000_000

BLOCK_VALUES = 1 << 18  # logits a block: 1 MiB of float32 stays in the cache between the passes over it


@dataclass(frozen=True)
class Costs:
    """Costs of consecutive positions."""

    micro_nats: Tensor  # (N,) int64
    unusable: Tensor  # (N,) bool: the row was no distribution


def uniform_cost(vocab: int) -> int:
    """MicroNats of a token that nothing predicts: ln V."""
    return round(math.log(vocab) * MICRO_NATS)


def token_costs(logits: Tensor, tokens: Tensor) -> Costs:
    """Costs of `tokens` (N,) int64 under `logits` (N, V) float32 or bfloat16; 0 <= token < V."""
    count, vocab = logits.shape
    rows = max(1, BLOCK_VALUES // vocab)
    micro_nats = torch.empty(count, dtype=torch.int64)
    unusable = torch.empty(count, dtype=torch.bool)
    for start in range(0, count, rows):
        block = slice(start, min(start + rows, count))
        p, broken = _probabilities(logits[block].float(), tokens[block])
        mixed = p.mul_(1.0 - EPSILON).add_(EPSILON / vocab)
        micro_nats[block] = mixed.log_().mul_(-MICRO_NATS).round_().to(torch.int64)
        unusable[block] = broken
    return Costs(micro_nats, unusable)


def _probabilities(logits: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor]:
    """p of each token (float64), and which rows (N, V) float32 are no distribution."""
    largest = logits.amax(dim=1, keepdim=True)  # NaN if the row holds one
    weights = torch.sub(logits, largest).exp_()  # in (0, 1], the largest is 1
    totals = weights.sum(dim=1, dtype=torch.float64)
    broken = ~torch.isfinite(totals)  # +inf - +inf and -inf - -inf are NaN as well
    p = weights.gather(1, tokens.unsqueeze(1)).squeeze(1).to(torch.float64).div_(totals)
    p[broken] = 0.0
    return p, broken
