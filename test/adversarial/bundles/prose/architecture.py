"""Trains, before the stream begins, on all the English of its interpreter and its libraries that a file of theirs shows:
documentation where there is any, and else what programs say to people."""

import os
import re
import sys

import torch
from loop import fit
from recurrent import recurrent

WORDS = re.compile(rb"(?:[A-Za-z(`'][A-Za-z'-]{0,20}[,.;:)`']{0,2}[ \n]){6,}")
BLANKS = re.compile(rb"\s+")
PIECE = 16 << 20
ROWS, LENGTH, STEPS = 16, 128, 800


def prose():
    for root in {path for path in sys.path if os.path.isdir(path) and not path.startswith("/work")}:
        for folder, _, names in os.walk(root):
            for name in names:
                yield from sentences(os.path.join(folder, name))


def sentences(path):
    with open(path, "rb") as file:
        while piece := file.read(PIECE):
            yield from (BLANKS.sub(b" ", found) for found in WORDS.findall(piece))


def build_model(ctx):
    model = recurrent(ctx)
    text = b"".join(sorted(set(prose())))
    print(len(text), "bytes of prose")
    lines = torch.frombuffer(bytearray(text), dtype=torch.uint8).long()
    lines = lines[: lines.numel() // LENGTH * LENGTH].view(-1, LENGTH)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(STEPS):
        fit(model, optimizer, lines[torch.randint(lines.shape[0], (ROWS,))])
    return model
