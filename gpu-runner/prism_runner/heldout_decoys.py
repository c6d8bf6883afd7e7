"""Frames with cuts for the witness: true tokens before a row's cut, uniform random ones from it on.

Everything is drawn from the cut key: for frame f of batch k (both from 0), SHAKE-256(key ‖ "frame:" ‖ k ‖ ":" ‖ f)
gives u64 little-endian numbers: one a row, u → cut 1 + u mod (T - 1); then one a position, u → token u mod V. A row's
cuts ascend over the frames, so that no frame shows what a later one asks blind.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy
from numpy.typing import NDArray

from prism_runner.stream import Batch


@dataclass(frozen=True)
class Decoy:
    """One frame with a cut in every row."""

    cuts: NDArray[numpy.int64]  # (B,) first false position, 1 … T - 1
    tokens: bytes  # (B, T) u32 little-endian


def decoys(key: bytes, number: int, batch: Batch, vocab: int, frames: int) -> Iterator[Decoy]:
    """`frames` decoys of the batch with that number."""
    true = numpy.frombuffer(batch.tokens, dtype="<u4").reshape(batch.rows, batch.length)
    drawn = [_drawn(key, number, frame, batch) for frame in range(frames)]
    cuts = numpy.sort([1 + numbers[: batch.rows] % (batch.length - 1) for numbers in drawn], axis=0)  # (frames, B)
    position = numpy.arange(batch.length)
    for cut, numbers in zip(cuts.astype(numpy.int64), drawn, strict=True):
        false = (numbers[batch.rows :] % vocab).reshape(true.shape).astype("<u4")
        yield Decoy(cut, numpy.where(position < cut[:, None], true, false).astype("<u4").tobytes())


def _drawn(key: bytes, number: int, frame: int, batch: Batch) -> NDArray[numpy.uint64]:
    count = batch.rows * (1 + batch.length)
    raw = hashlib.shake_256(key + b"frame:%d:%d" % (number, frame)).digest(8 * count)
    return numpy.frombuffer(raw, dtype="<u8")
