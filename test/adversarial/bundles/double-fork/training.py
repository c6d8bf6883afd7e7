"""Leaves a process behind that has no parent any more, holds every descriptor, and wants to outlive the run."""

import os
import signal

from loop import learn


def train(ctx):
    child = os.fork()
    if child == 0:
        os.setsid()
        if os.fork() == 0:
            for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
                signal.signal(number, signal.SIG_IGN)
            while True:
                signal.pause()
        os._exit(0)
    os.waitpid(child, 0)
    learn(ctx, ctx.build_model())
