"""The ledger of a run, and the record (`prism_record.v1`) that is written from it. All sums are exact integers.

Only the true frame's logits come here. A batch counts once its last position has been judged; a run that ends within a
batch isn't completed, and no record is written of it.
"""

import hashlib
from array import array
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from prism_runner import canonical_json
from prism_runner.code_length import uniform_cost
from prism_runner.frames import Chunk
from prism_runner.stream import Batch, TokenStream

GROUP_POSITIONS = 1024


@dataclass(frozen=True)
class Remainder:
    """Tokens charged log V at the end without a frame."""

    tokens: int  # lanes of one token
    bytes: int  # raw bytes of them
    micro_nats: int  # their charge


class Groups:
    """Runs of whole rows with at least 1,024 scored positions: what is committed to by hash, group by group."""

    def __init__(self) -> None:
        self.closed: list[tuple[int, int, str]] = []  # positions, microNats, SHA-256
        self._begin()

    def _begin(self) -> None:
        self._positions, self._micro_nats, self._hash, self._rows = 0, 0, hashlib.sha256(), 0

    def add(self, data: memoryview, positions: int, micro_nats: int) -> None:
        """Bytes of a row, or of a part of one, with its scored positions and their cost."""
        self._hash.update(data)
        self._positions += positions
        self._micro_nats += micro_nats

    def end_row(self) -> None:
        """The row is whole: close the group if it is large enough."""
        self._rows += 1
        if self._positions >= GROUP_POSITIONS:
            self.close()

    def close(self) -> None:
        """Close the group, if it holds a row."""
        if self._rows:
            self.closed.append((self._positions, self._micro_nats, self._hash.hexdigest()))
            self._begin()


class Ledger:
    """What the referee wrote down so far."""

    def __init__(self, stream: TokenStream) -> None:
        self._stream = stream
        self.groups = Groups()
        # One column a field and not one object a batch: a stream may have millions of batches.
        self.rows, self.lengths, self.first_tokens = array("I"), array("I"), array("I")
        self.micro_nats, self.covered_bytes = array("Q"), array("Q")
        self.unusable_batches = 0  # batches with logits that are no distribution
        self._batch_micro_nats, self._batch_unusable = 0, False

    @property
    def covered(self) -> int:
        """Bytes charged so far."""
        return self.covered_bytes[-1] if self.covered_bytes else 0

    def judge(self, batch: Batch, chunk: Chunk, micro_nats: Tensor, unusable: Tensor) -> None:
        """Charge a chunk's positions. The last position of a row predicts nothing here: hashed, not scored."""
        position = torch.arange(chunk.start, chunk.start + chunk.count)
        scored = position.remainder(batch.length) != batch.length - 1
        before = [0, *torch.cumsum(micro_nats * scored, 0).tolist()]  # before[i]: cost of the first i positions
        position_bytes = len(chunk.data) // chunk.count
        at = 0
        while at < chunk.count:
            row_left = batch.length - (chunk.start + at) % batch.length
            stop = min(at + row_left, chunk.count)
            ends_row = stop == at + row_left
            data = chunk.data[at * position_bytes : stop * position_bytes]
            self.groups.add(data, stop - at - ends_row, before[stop] - before[at])
            if ends_row:
                self.groups.end_row()
            at = stop
        self._batch_micro_nats += before[-1]
        self._batch_unusable |= bool((unusable & scored).any())

    def commit(self, batch: Batch) -> None:
        """The batch is judged: charge its lane-first tokens and count its bytes."""
        self.rows.append(batch.rows)
        self.lengths.append(batch.length)
        self.first_tokens.append(batch.first_tokens)
        self.micro_nats.append(self._batch_micro_nats + batch.first_tokens * uniform_cost(self._stream.vocab))
        self.covered_bytes.append(self.covered + self._stream.bytes_of(batch.charged))
        self.unusable_batches += self._batch_unusable
        self._batch_micro_nats, self._batch_unusable = 0, False


@dataclass(frozen=True)
class Totals:
    """Sums over the whole run, remainder included."""

    predicted_tokens: int  # charged by the contestant's prediction
    lane_first_tokens: int  # charged log V with their lane's first batch
    micro_nats: int  # all charges
    covered_bytes: int  # bytes that the charges pay for
    uncovered_bytes: int  # the rest of the stream, 8 bits each; the score adds that


def totals(ledger: Ledger, stream: TokenStream, remainder: Remainder) -> Totals:
    """Totals of a ledger."""
    covered = ledger.covered + remainder.bytes
    return Totals(
        predicted_tokens=sum(rows * (length - 1) for rows, length in zip(ledger.rows, ledger.lengths, strict=True)),
        lane_first_tokens=sum(ledger.first_tokens),
        micro_nats=sum(ledger.micro_nats) + remainder.micro_nats,
        covered_bytes=covered,
        uncovered_bytes=stream.size_bytes - covered,
    )


@dataclass(frozen=True)
class Identity:
    """What a record is of."""

    code_hash: str  # SHA-256 of the canonical bundle
    seed: int  # forced seed
    tokenizer: str  # name of the stream's tokenizer


def record_pieces(identity: Identity, stream: TokenStream, ledger: Ledger, remainder: Remainder) -> Iterator[bytes]:
    """The record's canonical JSON, piece by piece: whole, it may be hundreds of megabytes."""
    total = totals(ledger, stream, remainder)
    after_lists = {
        "remainder": {"tokens": remainder.tokens, "bytes": remainder.bytes, "microNats": remainder.micro_nats},
        "schema": "prism_record.v1",
        "seed": identity.seed,
        "streamBytes": stream.size_bytes,
        "streamTokens": len(stream.tokens),
        "tokenizer": identity.tokenizer,
        "totals": {
            "predictedTokens": total.predicted_tokens,
            "laneFirstTokens": total.lane_first_tokens,
            "microNats": total.micro_nats,
            "coveredBytes": total.covered_bytes,
            "uncoveredBytes": total.uncovered_bytes,
        },
        "vocab": stream.vocab,
    }
    between_lists = canonical_json.encode({"codeHash": identity.code_hash, "epsilon": "2^-12"})
    yield b'{"batches":['
    columns = zip(
        ledger.covered_bytes, ledger.first_tokens, ledger.lengths, ledger.micro_nats, ledger.rows, strict=True
    )
    for index, (covered, first, length, nats, rows) in enumerate(columns):
        batch = {"coveredBytes": covered, "firstTokens": first, "length": length, "microNats": nats, "rows": rows}
        yield b","[: index > 0] + canonical_json.encode(batch)
    yield b"]," + between_lists[1:-1] + b',"groups":['
    for index, (positions, nats, digest) in enumerate(ledger.groups.closed):
        group = {"logits": digest, "microNats": nats, "positions": positions}
        yield b","[: index > 0] + canonical_json.encode(group)
    yield b"]," + canonical_json.encode(after_lists)[1:]
