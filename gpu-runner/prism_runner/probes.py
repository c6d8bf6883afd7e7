"""What a model does with random tokens: the same twice, and not what comes later in the row.

The referee asks the same questions of every batch, with better numbers; here a miner hears of a mistake before a run.
Costs are compared as the referee compares them, and the state is put back before each forward as in a run.
"""

import time
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import Module

from prism_runner.code_length import token_costs
from prism_runner.device import HOST, Device
from prism_runner.prediction import ModelState, as_sent, predict


@dataclass(frozen=True)
class Probe:
    """One random batch, asked three times."""

    repeat_micro_nats: int  # largest difference in a token's cost between two forwards over the same tokens
    lookahead_micro_nats: int  # the same before a row's cut, from which on the second forward had other tokens
    seconds: float  # wall clock of the first forward

    def as_json(self) -> dict[str, object]:
        """The object in the report."""
        return {
            "repeatMicroNats": self.repeat_micro_nats,
            "lookaheadMicroNats": self.lookahead_micro_nats,
            "seconds": round(self.seconds, 6),
        }


def random_tokens(shape: tuple[int, int], vocab: int, source: torch.Generator) -> Tensor:
    """(B, T) int64, uniform."""
    return torch.randint(vocab, shape, generator=source)


def cut_rows(tokens: Tensor, vocab: int, source: torch.Generator) -> tuple[Tensor, Tensor]:
    """The tokens with every one from a row's cut on replaced by another, and the cuts (B, 1), 1 … T - 1."""
    rows, length = tokens.shape
    cuts = torch.randint(1, length, (rows, 1), generator=source)
    others = (tokens + torch.randint(1, vocab, tokens.shape, generator=source)) % vocab
    return torch.where(torch.arange(length) < cuts, tokens, others), cuts


def probe(model: Module, tokens: Tensor, vocab: int, source: torch.Generator, device: Device = HOST) -> Probe:
    """Ask the model about (B, T) tokens, again, and with other endings. Leaves its state as it was."""
    before = ModelState(model)
    began = time.monotonic()
    first = costs(model, device.put_tokens(tokens), tokens, vocab)
    seconds = time.monotonic() - began
    before.put_back()
    again = costs(model, device.put_tokens(tokens), tokens, vocab)
    before.put_back()
    changed, cuts = cut_rows(tokens, vocab, source)
    blind = costs(model, device.put_tokens(changed), tokens, vocab)
    before.put_back()
    is_before_cut = torch.arange(tokens.shape[1] - 1) < cuts  # position i predicts token i + 1 from tokens 0 … i
    return Probe(largest(again - first), largest((blind - first)[is_before_cut]), seconds)


def costs(model: Module, asked: Tensor, predicted: Tensor, vocab: int) -> Tensor:
    """(B, T - 1) microNats of the predicted tokens, from 1 on, when the model is asked with others."""
    logits = as_sent(predict(model, asked.clone(), vocab, reuse_forward=False)).cpu()[:, :-1]
    return token_costs(logits.reshape(-1, vocab), predicted[:, 1:].reshape(-1)).micro_nats.view(len(asked), -1)


def largest(differences: Tensor) -> int:
    """The largest of them, whatever its sign; 0 where there are none."""
    return int(differences.abs().max()) if differences.numel() else 0
