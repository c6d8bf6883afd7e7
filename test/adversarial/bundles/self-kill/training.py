"""Kills itself."""

import os
import signal

from loop import learn


def train(ctx):
    learn(ctx, ctx.build_model(), after_step=lambda step: step == 3 and os.kill(os.getpid(), signal.SIGKILL))
