"""Opens an iterator in `forward`, with a frame outstanding, to be given the next batch in its place."""

from recurrent import Recurrent
from torch import is_grad_enabled, manual_seed


class Impatient(Recurrent):
    ctx = None

    def forward(self, tokens):
        if not is_grad_enabled():
            next(self.ctx.iter_train_batches(self, batch_size=4, seq_len=32))
        return super().forward(tokens)


def build_model(ctx):
    manual_seed(7)
    model = Impatient(ctx.vocab_size)
    model.ctx = ctx
    return model
