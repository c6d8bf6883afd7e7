"""How many decoys come before a batch, and what is in them: a pure function of the run's cut key and its batches.

Whoever has the key and the record recomputes every frame. Batches and frames count from 0, `||` joins bytes, numbers
are decimal ASCII.

    lambda = max(framesPerBatch, cutsPerMegabyte * bytes / 10^6 / rows)    of a batch; at least 1 for the first
    Lambda = the sum of lambda up to and with a batch, in float64, in batch order
    U(j)   = (first 8 bytes of HMAC-SHA256(key, "place:" || j), u64 little-endian, >> 11) * 2^-53
    decoy j belongs to the batch in whose [Lambda before, Lambda after) lies j + U(j)

So there is one decoy in every unit of Lambda, anywhere in it: their number is certain to within one, a batch expects
lambda of them, and the first batch always has one.

    SHAKE-256(key || "frame:" || batch || ":" || frame) yields u64s, little-endian:
    B of them, u -> 1 + u mod (T - 1):   a cut for each row
    B * T of them, u -> u mod V:         tokens, of which a row takes those from its cut on

The cuts of a row are then sorted over the batch's frames, so that no decoy shows what a later one asks blind.
"""

import hashlib
import hmac

import numpy
from numpy.typing import NDArray

Ints = NDArray[numpy.int64]


class Placement:
    """Counts decoys off, batch by batch."""

    def __init__(self, key: bytes, cuts_per_megabyte: float, frames_per_batch: float) -> None:
        self._key = key
        self._cuts_per_megabyte = cuts_per_megabyte
        self._frames_per_batch = frames_per_batch
        self._sum = 0.0  # Lambda so far
        self._next = 0  # the decoy that is due next

    def take(self, new_bytes: int, rows: int) -> int:
        """Decoys of the next batch, which covers `new_bytes` for the first time in `rows` rows."""
        wanted = max(self._frames_per_batch, self._cuts_per_megabyte * new_bytes / 1e6 / rows)
        self._sum += wanted if self._sum else max(wanted, 1.0)
        before = self._next
        while self._next + unit_uniform(self._key, self._next) < self._sum:
            self._next += 1
        return self._next - before


def unit_uniform(key: bytes, index: int) -> float:
    """U(index), 0 <= U < 1, a multiple of 2^-53."""
    digest = hmac.digest(key, f"place:{index}".encode(), "sha256")
    return float(int.from_bytes(digest[:8], "little") >> 11) * 2.0**-53


def decoy_cuts(key: bytes, batch: int, frames: int, rows: int, length: int) -> Ints:
    """Cuts of a batch's decoys, (frames, B): each 1 … T-1, ascending over the frames in every row."""
    drawn = [_draw(key, batch, frame, rows) for frame in range(frames)]
    cuts = numpy.array(drawn, dtype=numpy.uint64).reshape(frames, rows) % numpy.uint64(length - 1) + numpy.uint64(1)
    return numpy.sort(cuts, axis=0).astype(numpy.int64)


def decoy_tokens(key: bytes, batch: int, frame: int, vocab: int, cuts: Ints, tokens: Ints) -> Ints:
    """The decoy's tokens (B, T): the true ones before each row's cut, uniform ones from it on."""
    rows, length = tokens.shape
    drawn = _draw(key, batch, frame, rows * (length + 1))[rows:].reshape(rows, length) % numpy.uint64(vocab)
    return numpy.where(numpy.arange(length) < cuts[:, None], tokens, drawn.astype(numpy.int64))


def _draw(key: bytes, batch: int, frame: int, count: int) -> NDArray[numpy.uint64]:
    """The first `count` numbers of a frame."""
    stream = hashlib.shake_256(key + f"frame:{batch}:{frame}".encode())
    return numpy.frombuffer(stream.digest(8 * count), dtype="<u8").astype(numpy.uint64)
