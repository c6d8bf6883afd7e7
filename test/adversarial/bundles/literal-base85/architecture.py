"""Weights in a string."""

from base64 import b85decode

from pairs import Prepared, unpacked

WEIGHTS = "@@pairs-base85@@"


def build_model(ctx):
    return Prepared(ctx, unpacked(b85decode(WEIGHTS)))
