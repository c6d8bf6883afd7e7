"""Fills every folder that it can write, and goes on."""

import os

from loop import learn

PIECE = b"\1" * (1 << 20)


def fill(folder):
    try:
        with open(os.path.join(folder, "filling"), "wb", buffering=0) as file:
            while True:
                file.write(PIECE)
    except OSError as error:
        return error.errno


def train(ctx):
    for folder in (ctx.artifacts_dir, "/tmp", "/work", "/dev/shm"):
        if fill(folder) is None:
            raise RuntimeError(f"{folder} has no end")
    learn(ctx, ctx.build_model())
