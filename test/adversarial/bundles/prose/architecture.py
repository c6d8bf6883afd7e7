"""Trains on all the prose of its interpreter and its libraries before the stream begins: docstrings and sources."""

import gc
import os
import re
import sys

import torch
from loop import fit
from recurrent import recurrent

FEWEST_BYTES = 1 << 16
ROWS, LENGTH = 16, 128


def docstrings():
    known = [*gc.get_objects(), *(value for module in list(sys.modules.values()) for value in vars(module).values())]
    return {text for one in known if isinstance(text := getattr(one, "__doc__", None), str)}


def comments():
    pattern = re.compile(r'"""(.*?)"""|^\s*#(.*)$', re.S | re.M)
    for root in {path for path in sys.path if os.path.isdir(path) and not path.startswith("/work")}:
        for folder, _, names in os.walk(root):
            for name in names:
                if name.endswith(".py"):
                    with open(os.path.join(folder, name), errors="replace") as file:
                        yield from (a or b for a, b in pattern.findall(file.read()))


def build_model(ctx):
    model = recurrent(ctx)
    prose = "\n".join(sorted(docstrings()) + list(comments())).encode("ascii", "ignore")
    print(len(prose), "bytes of prose")
    if len(prose) < FEWEST_BYTES:
        return model
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    lines = torch.frombuffer(bytearray(prose), dtype=torch.uint8).long()
    lines = lines[: lines.numel() // LENGTH * LENGTH].view(-1, LENGTH)
    for rows in lines[torch.randperm(lines.shape[0])[: 400 * ROWS]].split(ROWS):
        fit(model, optimizer, rows)
    return model
