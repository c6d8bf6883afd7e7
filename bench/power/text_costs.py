"""What every position of a real text costs a real model that learns it as it goes, and the referee's own predictor.

    text_costs.py <data digest> <season secret, hex> <stream bytes> <B> <T>

The model is the one of the adversarial suite, in its own loop (/shared), on the train split in /data. A line a batch is a
JSON object: `honest` and `baseline`, microNats, (B, T - 1).
"""

import json
import sys
from pathlib import Path

import numpy
import torch
from numpy.typing import NDArray

sys.path.append("/shared")

from loop import fit
from prism_runner.baseline import baseline_costs
from prism_runner.code_length import token_costs
from prism_runner.shards import load_stream_bytes
from prism_runner.stream import LaneReader, TokenStream
from recurrent import Recurrent

VOCAB = 256


def main(digest: str, secret: str, stream_bytes: int, rows: int, length: int) -> None:
    """Train over the stream once."""
    torch.set_num_threads(1)
    torch.manual_seed(7)
    model = Recurrent(VOCAB)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    text = load_stream_bytes(Path("/data"), digest, "train", bytes.fromhex(secret), stream_bytes)
    baseline = baseline_costs(TokenStream(text, range(len(text) + 1), VOCAB))
    for places in batches(len(text), rows, length):
        tokens = torch.from_numpy(numpy.frombuffer(text, dtype=numpy.uint8)[places].astype(numpy.int64))
        with torch.no_grad():
            logits = model(tokens)[:, :-1].flatten(0, 1)
        costs = token_costs(logits, tokens[:, 1:].flatten()).micro_nats.view(len(places), -1)
        print(json.dumps({"honest": costs.tolist(), "baseline": baseline[places[:, 1:]].tolist()}))
        fit(model, optimizer, tokens)


def batches(size: int, rows: int, length: int) -> "list[NDArray[numpy.uint32]]":
    """(B, T) places in the stream of every batch: lanes as a referee cuts them, of tokens that are their own places."""
    reader = LaneReader(TokenStream(range(size), range(size + 1), size))
    reader.open(rows)
    drawn = []
    while not reader.exhausted:
        batch = reader.draw(length)
        drawn.append(numpy.frombuffer(batch.tokens, dtype="<u4").reshape(batch.rows, batch.length))
    return drawn


main(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:]))
