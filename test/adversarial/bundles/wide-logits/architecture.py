"""A class more than there are tokens."""

from recurrent import Recurrent
from torch.nn.functional import pad


class Wide(Recurrent):
    def forward(self, tokens):
        return pad(super().forward(tokens), (0, 1))


def build_model(ctx):
    return Wide(ctx.vocab_size)
