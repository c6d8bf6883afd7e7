"""An honest model whose predictions, not what it learns from, are spoilt in some batches."""

import torch
from recurrent import Recurrent


class Spoilt(Recurrent):
    steps = 0

    def forward(self, tokens):
        logits = super().forward(tokens)
        if torch.is_grad_enabled():
            self.steps += 1
            return logits
        return self.spoil(tokens, logits)

    def spoil(self, tokens, logits):
        raise NotImplementedError
