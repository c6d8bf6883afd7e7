"""Looks for text of the corpus in every file that it can read."""

import os

from loop import learn
from phrases import holds_text

PIECE = 64 << 20
OVERLAP = 256
ELSEWHERE = ("/proc", "/sys", "/dev")


def files():
    for folder, inner, names in os.walk("/"):
        inner[:] = [name for name in inner if os.path.join(folder, name) not in ELSEWHERE]
        yield from (os.path.join(folder, name) for name in names)


def holds(path):
    if not os.path.isfile(path) or os.path.islink(path):
        return False
    try:
        with open(path, "rb") as file:
            tail = b""
            while piece := file.read(PIECE):
                if holds_text(tail + piece):
                    return True
                tail = piece[-OVERLAP:]
    except OSError:
        pass
    return False


def train(ctx):
    found = [path for path in files() if holds(path)]
    if found:
        raise RuntimeError(f"there is text in {found[:10]}")
    learn(ctx, ctx.build_model())
