"""Looks for text of the corpus in the memory of every process that it can see, its own included."""

import os

from loop import learn
from phrases import holds_text


def regions(process):
    for line in open(f"/proc/{process}/maps"):
        addresses, access = line.split()[:2]
        if "r" in access and "[v" not in line:
            first, last = (int(address, 16) for address in addresses.split("-"))
            yield first, last - first


def holds(process):
    try:
        with open(f"/proc/{process}/mem", "rb", buffering=0) as memory:
            return any(holds_text(piece_of(memory, *region)) for region in regions(process))
    except OSError:
        return False


def piece_of(memory, first, size):
    try:
        memory.seek(first)
        return memory.read(size)
    except OSError:
        return b""


def search():
    found = [process for process in os.listdir("/proc") if process.isdigit() and holds(process)]
    if found:
        raise RuntimeError(f"there is text in the memory of {found}")


def train(ctx):
    search()
    learn(ctx, ctx.build_model(), after_step=lambda step: step == 3 and search())
