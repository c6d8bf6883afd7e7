"""Takes short rows while a decoy is due, and long ones, many bytes for the same Lambda, while none is; near the end, where
the model is best, short rows only, for as many decoys as can be had."""

from watchful import LONG, SHORT, learn_in_shapes


def choose(model, progress):
    return LONG if model.is_free and progress < 0.85 else SHORT


def train(ctx):
    learn_in_shapes(ctx, ctx.build_model(), choose)
