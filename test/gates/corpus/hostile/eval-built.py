# getattr with a name in two pieces.
import math


def train(ctx):
    return getattr(math, "ev" + "al")  # finds prism:no-dynamic-code
