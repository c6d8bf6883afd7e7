"""Writes more artifacts than there is room for."""

import os

from loop import learn


def train(ctx):
    learn(ctx, ctx.build_model(), after_step=lambda step: step == 3 and write(ctx.artifacts_dir))


def write(folder):
    with open(os.path.join(folder, "state.bin"), "wb", buffering=0) as file:
        while True:
            file.write(b"\1" * (1 << 20))
