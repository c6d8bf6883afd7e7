"""The text of a held-out run, in units that are resampled as one: documents, or what was released of them.

- val: the split's documents in the order keyed by the season secret, the last one cut at a character boundary;
- train: of the run's stream, the parts of documents that were released, in another order by the same key.
"""

import hmac
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy
from numpy.typing import NDArray

from prism_runner.heldout_spec import HeldOut
from prism_runner.locked import LockedFileError
from prism_runner.shards import character_start, document_rank, load_documents
from prism_runner.spec import RunSpec
from prism_runner.stream import Span, TokenStream

Unit = tuple[bytes, bytes]  # what units are ordered by, and their text


@dataclass(frozen=True)
class HeldOutText:
    """What is put to the contestants, and which unit each token belongs to."""

    stream: TokenStream  # all units joined without separator
    owners: NDArray[numpy.int64]  # (tokens,) the unit that a token's first byte lies in
    units: int  # documents, or parts of them


def load_text(folder: Path, run: RunSpec, held_out: HeldOut, encode: Callable[[bytes], TokenStream]) -> HeldOutText:
    """The text of the side that is asked about. Raises LockedFileError, also when the val split is too small."""
    documents = load_documents(folder, run.data_digest, held_out.side)
    documents.sort(key=lambda document: document_rank(run.season_secret, document[0]))
    if held_out.side == "val":
        parts = [raw for _, raw in documents]
        if sum(map(len, parts)) < held_out.text_bytes:
            raise LockedFileError(f"the split has fewer than {held_out.text_bytes} bytes")
    else:
        released = list(released_parts(documents, held_out.released, run.stream_bytes))
        released.sort(key=lambda part: hmac.digest(run.season_secret, b"heldOut\0" + part[0], "sha256"))
        parts = [raw for _, raw in released]
    return joined(first_bytes(parts, held_out.text_bytes), encode)


def released_parts(
    documents: Iterable[tuple[str, bytes]], released: Iterable[Span], stream_bytes: int
) -> Iterable[Unit]:
    """Each document's characters in one released range, from the one that it begins in; documents in stream order."""
    ranges, at = list(released), 0
    for name, raw in documents:
        if at >= stream_bytes:
            return
        for begin, end in ranges:
            start, stop = (character_start(raw, min(max(edge - at, 0), len(raw))) for edge in (begin, end))
            if start < stop:
                yield name.encode("utf-8") + b"\0%d" % start, raw[start:stop]
        at += len(raw)


def first_bytes(parts: Iterable[bytes], size: int) -> list[bytes]:
    """The first parts, `size` bytes in all; the last one is cut at a character boundary."""
    taken: list[bytes] = []
    for raw in parts:
        piece = raw[: character_start(raw, min(size, len(raw)))]
        if piece:
            taken.append(piece)
        size = max(0, size - len(raw))
    return taken


def joined(parts: list[bytes], encode: Callable[[bytes], TokenStream]) -> HeldOutText:
    """One stream of all parts."""
    stream = encode(b"".join(parts))
    ends = numpy.cumsum([len(part) for part in parts])
    begins = numpy.asarray(stream.byte_ends[:-1], dtype=numpy.int64)
    return HeldOutText(stream, numpy.searchsorted(ends, begins, side="right").astype(numpy.int64), len(parts))
