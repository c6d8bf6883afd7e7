"""Tries to cut, grow, seal and remap the memory file of the logits, and writes over it and punches holes into it in the
very moment in which the referee says that it has taken a reply, and has yet to judge it."""

import ctypes
import fcntl
import gc
import mmap
import os

from channel_parts import memory_file
from loop import learn
from prism_runner.adapter import Adapter

SIZE = 8 << 20
KEEP_SIZE, PUNCH_HOLE = 1, 2
libc = ctypes.CDLL(None, use_errno=True)
libc.fallocate.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_long, ctypes.c_long]


def reopened(file):
    return os.open(f"/proc/self/fd/{file}", os.O_RDWR)


def assert_sealed(file):
    attempts = {
        "truncated": lambda: os.ftruncate(file, 0),
        "cut short": lambda: os.ftruncate(file, 4096),
        "grown": lambda: os.ftruncate(file, SIZE * 2),
        "sealed": lambda: fcntl.fcntl(file, fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE),
        "truncated anew": lambda: os.ftruncate(reopened(file), 0),
        "opened empty": lambda: os.open(f"/proc/self/fd/{file}", os.O_RDWR | os.O_TRUNC),
        "resized": lambda: next(known for known in gc.get_objects() if isinstance(known, mmap.mmap)).resize(4096),
    }
    for done, attempt in attempts.items():
        try:
            attempt()
        except (OSError, BufferError, ValueError, SystemError):
            continue
        raise RuntimeError(f"the memory file was {done}")


def spoil(file, view):
    view[:] = b"\x7f" * SIZE
    if libc.fallocate(file, KEEP_SIZE | PUNCH_HOLE, 0, SIZE) != 0:
        raise RuntimeError("no hole was punched")
    view[: 1 << 16] = b"\xff" * (1 << 16)


def train(ctx):
    file = memory_file()
    assert_sealed(file)
    view = mmap.mmap(file, SIZE)
    hear = Adapter.hear
    spoilt = []

    def hear_and_spoil(self, *kinds):
        heard = hear(self, *kinds)
        if heard[0]["kind"] == "took":
            spoil(file, view)
            spoilt.append(heard)
        return heard

    def check(step):
        if len(spoilt) < step:
            raise RuntimeError("a reply was taken and not spoilt")

    Adapter.hear = hear_and_spoil
    learn(ctx, ctx.build_model(), after_step=check)
