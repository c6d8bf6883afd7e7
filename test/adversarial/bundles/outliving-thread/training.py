"""Leaves a thread behind that keeps its process alive when `train` has returned."""

import threading

from loop import learn


def train(ctx):
    threading.Thread(target=threading.Event().wait).start()
    learn(ctx, ctx.build_model())
