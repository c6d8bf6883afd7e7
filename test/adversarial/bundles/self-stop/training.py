"""Stops itself, and its parents with it as far as it may."""

import os
import signal

from loop import learn


def stop(step):
    if step == 3:
        os.kill(os.getppid(), signal.SIGSTOP)
        os.kill(os.getpid(), signal.SIGSTOP)


def train(ctx):
    learn(ctx, ctx.build_model(), after_step=stop)
