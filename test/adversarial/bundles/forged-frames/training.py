"""Writes releases and logits, well-formed, on stdout and on every descriptor that isn't the channel's own."""

import os

from channel_parts import channel_socket, memory_file, message
from loop import learn

FRAMES = message("release", id=1, progress=1.0, coveredBytes=1 << 20) + message("end")
FRAMES += message("logits", id=1, dtype="float32", start=0, count=128, slot=0) + message("finish", parameters=1)


def train(ctx):
    spared = {channel_socket().fileno(), memory_file()}
    learn(ctx, ctx.build_model(), after_step=lambda step: step % 64 == 1 and forge(spared))


def forge(spared):
    reached = set()
    for number in {int(name) for name in os.listdir("/proc/self/fd")} - spared:
        try:
            os.set_blocking(number, False)
            os.write(number, FRAMES)
            reached.add(number)
        except OSError:
            pass
        finally:
            set_blocking_again(number)
    if not reached >= {1, 2}:
        raise RuntimeError(f"reached {sorted(reached)}")


def set_blocking_again(number):
    try:
        os.set_blocking(number, True)
    except OSError:
        pass
