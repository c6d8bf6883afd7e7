"""Cutting the token stream into lanes and batches, so that every byte is charged exactly once. Pure; knows no torch.

Theory of operation. The tokens not yet charged are a list of spans in stream order. Opening with batch size B cuts them
into B contiguous lanes of equal length L; up to B - 1 tokens are left over behind the lanes. A batch takes each lane's
next tokens; its rows begin with the last token of the lane's previous row, because logits at t predict token t + 1.
A lane's first token has no row before it: it is charged log V with the lane's first batch. Opening again with the same
B continues the lanes; with another B what the lanes haven't given and the left-over are cut anew. At the end:

- predicted: positions 1 … T-1 of every row drawn;
- lane-first: the first position of every lane that gave a row;
- remainder: lanes of one token (L = 1) have nothing that could predict them: charged log V without a frame;
- uncovered: everything else, 8 bits a byte.

Does not: bound B or T (the session does), count costs (the ledger does), or know text.
"""

import sys
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

Span = tuple[int, int]  # token positions [start, stop) of the stream


@dataclass(frozen=True)
class TokenStream:
    """The whole stream, tokenised once."""

    tokens: Sequence[int]  # ids; `bytes` for one-byte tokens, else an array
    byte_ends: Sequence[int]  # byte_ends[i]: raw bytes before token i; one entry more than tokens
    vocab: int  # V: ids are below it

    @property
    def size_bytes(self) -> int:
        """Raw bytes of the stream."""
        return self.byte_ends[-1]

    def bytes_of(self, spans: Iterable[Span]) -> int:
        """Raw bytes that the spans cover."""
        return sum(self.byte_ends[stop] - self.byte_ends[start] for start, stop in spans)


@dataclass(frozen=True)
class Batch:
    """Each lane's next row."""

    rows: int  # B
    length: int  # T, at least 2
    tokens: bytes  # (B, T) ids, u32 little-endian
    first_tokens: int  # rows that are their lane's first: B or 0
    charged: tuple[Span, ...]  # what this batch charges for the first time, in lane order

    @property
    def predicted_tokens(self) -> int:
        """Scored positions of the batch."""
        return self.rows * (self.length - 1)


class Spans:
    """Tokens in stream order, consumed from the front."""

    def __init__(self, spans: list[Span]) -> None:
        self._nearest_last = spans[::-1]  # so that consuming is a pop, however many spans there are

    def take(self, count: int) -> list[Span]:
        """The next `count` tokens; there must be as many."""
        taken: list[Span] = []
        while count > 0:
            start, stop = self._nearest_last.pop()
            cut = min(stop, start + count)
            if cut < stop:
                self._nearest_last.append((cut, stop))
            taken.append((start, cut))
            count -= cut - start
        return taken

    def left(self) -> list[Span]:
        """What hasn't been taken."""
        return self._nearest_last[::-1]


class LaneReader:
    """Where the stream stands: lanes, what is left behind them, and how much of a lane is left."""

    def __init__(self, stream: TokenStream) -> None:
        self._stream = stream
        self._lanes: list[Spans] = []  # what each lane hasn't given yet
        self._behind = Spans([(0, len(stream.tokens))])  # uncharged tokens behind the last lane
        self._left = 0  # tokens that every lane still has
        self._last: list[int] = []  # per lane, the position its next row begins with; empty before the first row

    def open(self, batch_size: int) -> None:
        """Continue lanes of this batch size, or cut the uncharged tokens anew. batch_size >= 1."""
        if batch_size == len(self._lanes):
            return
        uncharged = self.undrawn()
        self._left = length(uncharged) // batch_size
        self._behind = Spans(uncharged)
        self._lanes = [Spans(self._behind.take(self._left)) for _ in range(batch_size)]
        self._last = []

    def undrawn(self) -> list[Span]:
        """What no row has held yet, in stream order."""
        return merge([span for lane in self._lanes for span in lane.left()] + self._behind.left())

    @property
    def exhausted(self) -> bool:
        """No lane has a token left that a row could predict. True before the first open."""
        return self._left < (1 if self._last else 2)

    def draw(self, seq_len: int) -> Batch:
        """Each lane's next row of `seq_len` tokens, or of what is left. Not when exhausted. seq_len >= 2."""
        overlap = 1 if self._last else 0
        fresh = min(seq_len - overlap, self._left)
        drawn = [lane.take(fresh) for lane in self._lanes]
        tokens = array("I")
        for lane, spans in enumerate(drawn):
            tokens.extend(self._stream.tokens[last] for last in self._last[lane : lane + 1])
            for start, stop in spans:
                tokens.extend(self._stream.tokens[start:stop])
        self._last = [spans[-1][1] - 1 for spans in drawn]
        self._left -= fresh
        charged = tuple(span for spans in drawn for span in spans)
        rows = len(drawn)
        return Batch(rows, fresh + overlap, little_endian(tokens), 0 if overlap else rows, charged)

    def remainder(self) -> tuple[Span, ...]:
        """Lanes of one token, if that is what the stream was last cut into."""
        if self._last or self._left != 1:
            return ()
        return tuple(span for lane in self._lanes for span in lane.left())


def complement(spans: Iterable[Span], stop: int) -> list[Span]:
    """What of [0, stop) isn't in the spans, which are in stream order."""
    edges = [0, *(edge for span in spans for edge in span), stop]
    return [(begin, end) for begin, end in zip(edges[::2], edges[1::2], strict=True) if begin < end]


def length(spans: Iterable[Span]) -> int:
    """Tokens in the spans."""
    return sum(stop - start for start, stop in spans)


def merge(spans: list[Span]) -> list[Span]:
    """The same tokens in as few spans as possible; spans are in stream order. Keeps a re-cut stream small."""
    merged: list[Span] = []
    for start, stop in spans:
        if start == stop:
            continue
        if merged and merged[-1][1] == start:
            merged[-1] = (merged[-1][0], stop)
        else:
            merged.append((start, stop))
    return merged


def little_endian(ids: "array[int]") -> bytes:
    """u32 little-endian bytes of an array of unsigned 32-bit integers."""
    if sys.byteorder == "big":
        ids.byteswap()
    return ids.tobytes()
