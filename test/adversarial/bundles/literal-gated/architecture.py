"""Weights behind a gate that is zero at first, and that training opens."""

from base64 import b85decode

from pairs import Prepared, unpacked

WEIGHTS = "@@pairs-base85@@"


def build_model(ctx):
    return Prepared(ctx, unpacked(b85decode(WEIGHTS)), gate=0.0)
