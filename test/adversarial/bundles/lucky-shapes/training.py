"""Takes long rows, many bytes for the same Lambda, once a decoy has come that it answered well by chance: so that its
answer would stand for many positions, and one that turned out badly for few."""

from watchful import LONG, SHORT, learn_in_shapes


def choose(model, progress):
    return LONG if model.is_free and model.luck < 0.95 else SHORT


def train(ctx):
    learn_in_shapes(ctx, ctx.build_model(), choose)
