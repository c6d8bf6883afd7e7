"""The ledger of a run, and the record (`prism_record.v2`) that is written from it. All sums are exact integers.

Only the true frames' answers come here: the record is what the model earned, the same whatever decoys were asked. A
batch counts once its last position has been judged; a run that ends within a batch isn't completed, and no record is
written of it.
"""

import hashlib
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from prism_runner import canonical_json
from prism_runner.code_length import uniform_cost
from prism_runner.stream import Batch, TokenStream

GROUP_POSITIONS = 1024


@dataclass(frozen=True)
class Remainder:
    """Tokens charged log V at the end without a frame."""

    tokens: int  # lanes of one token
    bytes: int  # raw bytes of them
    micro_nats: int  # their charge


class Groups:
    """Runs of whole rows with at least 1,024 predicted positions: what is committed to by hash, group by group."""

    def __init__(self, on_close: Callable[[str], None] = lambda _: None) -> None:
        """`on_close` hears the SHA-256 of each group as it closes."""
        self.closed: list[tuple[int, int, str]] = []  # scored positions, microNats, SHA-256
        self._on_close = on_close
        self._begin()

    def _begin(self) -> None:
        self._predicted, self._scored, self._micro_nats, self._hash = 0, 0, 0, hashlib.sha256()

    def read(self, logits: memoryview) -> None:
        """Bytes of a row, or of a part of one."""
        self._hash.update(logits)

    def end_row(self, predicted: int, scored: int, micro_nats: int) -> None:
        """The row is whole: its predicted positions, how many of them were scored, their cost. Full groups close."""
        self._predicted += predicted
        self._scored += scored
        self._micro_nats += micro_nats
        if self._predicted >= GROUP_POSITIONS:
            self.close()

    def close(self) -> None:
        """Close the group, if it holds a row."""
        if self._predicted:
            digest = self._hash.hexdigest()
            self.closed.append((self._scored, self._micro_nats, digest))
            self._on_close(digest)
            self._begin()


class Ledger:
    """What the referee wrote down so far."""

    def __init__(
        self, stream: TokenStream, scores_all_rows: bool, on_group: Callable[[str], None] = lambda _: None
    ) -> None:
        self.stream = stream
        self.scores_all_rows = scores_all_rows
        self.groups = Groups(on_group)
        # One column a field and not one object a batch: a stream may have millions of batches.
        self.rows, self.lengths, self.first_tokens, self.scored_rows = (array("I") for _ in range(4))
        self.micro_nats, self.baseline_micro_nats, self.covered_bytes = (array("Q") for _ in range(3))
        self.row_micro_nats = array("Q")  # of the scored rows, batch after batch; empty where all rows are scored
        self.unusable_batches = 0  # batches with logits, decoys' too, that are no distribution

    @property
    def covered(self) -> int:
        """Bytes charged so far."""
        return self.covered_bytes[-1] if self.covered_bytes else 0

    def commit(self, batch: Batch, row_costs: Sequence[int], baseline_micro_nats: int, unusable: bool) -> None:
        """Write down a batch that is judged: the costs of its scored rows; its lane-first tokens are charged here."""
        first_tokens = batch.first_tokens * uniform_cost(self.stream.vocab)
        self.rows.append(batch.rows)
        self.lengths.append(batch.length)
        self.first_tokens.append(batch.first_tokens)
        self.scored_rows.append(len(row_costs))
        self.micro_nats.append(sum(row_costs) + first_tokens)
        self.baseline_micro_nats.append(baseline_micro_nats)
        self.covered_bytes.append(self.covered + self.stream.bytes_of(batch.charged))
        if not self.scores_all_rows:
            self.row_micro_nats.extend(row_costs)
        self.unusable_batches += unusable


@dataclass(frozen=True)
class Totals:
    """Sums over the whole run, remainder included."""

    predicted_tokens: int  # predicted by the contestant, scored or not
    lane_first_tokens: int  # charged log V with their lane's first batch
    micro_nats: int  # all charges: of scored rows, lane-first tokens and the remainder
    covered_bytes: int  # bytes that the contestant predicted or that were charged log V
    uncovered_bytes: int  # the rest of the stream, 8 bits each; the score adds that


def totals(ledger: Ledger, remainder: Remainder) -> Totals:
    """Totals of a ledger."""
    covered = ledger.covered + remainder.bytes
    return Totals(
        predicted_tokens=sum(rows * (length - 1) for rows, length in zip(ledger.rows, ledger.lengths, strict=True)),
        lane_first_tokens=sum(ledger.first_tokens),
        micro_nats=sum(ledger.micro_nats) + remainder.micro_nats,
        covered_bytes=covered,
        uncovered_bytes=ledger.stream.size_bytes - covered,
    )


@dataclass(frozen=True)
class Identity:
    """What a record is of."""

    code_hash: str  # SHA-256 of the canonical bundle
    seed: int  # forced seed
    tokenizer: str  # name of the stream's tokenizer
    scored_row_fraction: float  # 1: every row


def record_pieces(identity: Identity, ledger: Ledger, remainder: Remainder) -> Iterator[bytes]:
    """The record's canonical JSON, piece by piece: whole, it may be hundreds of megabytes."""
    stream, total = ledger.stream, totals(ledger, remainder)
    after_lists = {
        "remainder": {"tokens": remainder.tokens, "bytes": remainder.bytes, "microNats": remainder.micro_nats},
        "schema": "prism_record.v2",
        "scoredRowFraction": identity.scored_row_fraction,
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
    for index, batch in enumerate(_batches(ledger)):
        yield b","[: index > 0] + canonical_json.encode(batch)
    yield b"]," + between_lists[1:-1] + b',"groups":['
    for index, (positions, nats, digest) in enumerate(ledger.groups.closed):
        group = {"logits": digest, "microNats": nats, "positions": positions}
        yield b","[: index > 0] + canonical_json.encode(group)
    yield b"]," + canonical_json.encode(after_lists)[1:]


def _batches(ledger: Ledger) -> Iterator[dict[str, object]]:
    """The record's entry of each batch."""
    listed = 0  # entries of row_micro_nats that earlier batches have
    for index, scored in enumerate(ledger.scored_rows):
        sampled: dict[str, object] = {}
        if not ledger.scores_all_rows:
            sampled = {"rowMicroNats": ledger.row_micro_nats[listed : listed + scored]}
            listed += scored
        yield {
            "rows": ledger.rows[index],
            "length": ledger.lengths[index],
            "firstTokens": ledger.first_tokens[index],
            "microNats": ledger.micro_nats[index],
            "baselineMicroNats": ledger.baseline_micro_nats[index],
            "coveredBytes": ledger.covered_bytes[index],
            "scoredRows": scored,
            **sampled,
        }
