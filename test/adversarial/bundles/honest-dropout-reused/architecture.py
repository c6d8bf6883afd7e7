"""Dropout in the forward that is scored and trained on."""

from recurrent import Recurrent
from torch.nn.functional import dropout


class Dropping(Recurrent):
    def forward(self, tokens):
        hidden = self.cell(dropout(self.embed(tokens), 0.1, self.training))[0]
        return self.head(dropout(hidden, 0.1, self.training))


def build_model(ctx):
    return Dropping(ctx.vocab_size)
