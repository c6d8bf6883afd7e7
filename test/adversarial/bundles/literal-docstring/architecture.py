"""Weights in a docstring, which it reads in its own file: the interpreter drops it."""

from base64 import b85decode

from pairs import Prepared, unpacked


def explained():
    """@@pairs-base85@@"""


def build_model(ctx):
    with open(__file__) as source:
        return Prepared(ctx, unpacked(b85decode(source.read().split('"""')[3])))
