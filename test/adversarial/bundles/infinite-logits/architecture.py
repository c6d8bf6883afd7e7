"""Puts +inf on the token that follows: a softmax that is NaN, unless somebody clamps it."""

import torch
from spoilt import Spoilt


class Model(Spoilt):
    def spoil(self, tokens, logits):
        return logits.scatter(-1, tokens.roll(-1, dims=1).unsqueeze(-1), torch.inf)


def build_model(ctx):
    torch.manual_seed(7)
    return Model(ctx.vocab_size)
