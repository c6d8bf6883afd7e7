"""Opens files until it may not, and goes on."""

import os

from loop import learn


def open_all():
    opened = []
    try:
        while True:
            opened.append(os.open("/dev/null", os.O_RDONLY))
    except OSError:
        return opened


def train(ctx):
    opened = open_all()
    if len(opened) > 1 << 16:
        raise RuntimeError("there is no end of descriptors")
    learn(ctx, ctx.build_model())
