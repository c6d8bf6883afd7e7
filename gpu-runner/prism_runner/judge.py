"""The referee's arithmetic on one batch after the other: what is asked, what answers cost, whether they looked ahead.

Theory of operation. A *trial* is a batch's decoys and its true frame, the same questions in form, the true one last.
Every chunk of logits that comes here has been copied out of the contestant's reach; it leaves behind the costs of its
positions' true next tokens, and for the true frame a hash. So a trial holds B * T costs a frame and never B * T * V.
When all frames are in, decoys are compared with the true frame and the batch is written down.

Does not: talk to the contestant, know deadlines, or decide what a score is worth (TypeScript's domain does, from the
record and the cuts).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy
import torch
from torch import Tensor

from prism_runner.baseline import Costs
from prism_runner.code_length import token_costs
from prism_runner.cuts import CutLog
from prism_runner.decoys import Ints, Placement, decoy_cuts, decoy_tokens
from prism_runner.frames import Chunk
from prism_runner.outcome import AttemptFailed
from prism_runner.record import Ledger
from prism_runner.sampling import scored_rows
from prism_runner.spec import RunSpec
from prism_runner.stream import Batch, TokenStream

UNUSABLE_BATCHES_ALLOWED = 3
BATCHES_TO_CONVICT = 2

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


@dataclass
class Trial:
    """One batch before the judge."""

    index: int  # counts batches from 0
    batch: Batch
    tokens: Ints  # (B, T) the true ones
    targets: Tensor  # (B * T) int64: the true token that each position's logits predict
    cuts: Ints  # (D, B) of the decoys, in the order they are asked
    costs: Tensor  # (D + 1, B, T) int64 microNats of the targets; the true frame's come last; 0 in rows not scored
    scored: Ints | None = None  # rows, ascending; chosen once bytes of an answer have been copied
    unusable: bool = False  # a scored position's logits were no distribution

    @property
    def decoys(self) -> int:
        """D."""
        return len(self.cuts)


class Judge:
    """Of a whole run."""

    def __init__(
        self, spec: RunSpec, stream: TokenStream, baseline: Costs, on_group: Callable[[str], None] = lambda _: None
    ) -> None:
        """`on_group` hears the SHA-256 of each group of true logits that is complete."""
        self.ledger = Ledger(stream, spec.rows.fraction == 1, on_group)
        self.cuts = CutLog(spec.decoys, scores_all_rows=spec.rows.fraction == 1)
        self._spec = spec
        self._stream = stream
        self._baseline = baseline
        self._begun = 0
        plan = spec.decoys
        self._placement = Placement(plan.cut_key, plan.cuts_per_megabyte, plan.frames_per_batch)

    def begin(self, batch: Batch) -> Trial:
        """Draw the batch's decoys."""
        frames = self._placement.take(self._stream.bytes_of(batch.charged), batch.rows)
        index, shape = self._begun, (batch.rows, batch.length)
        tokens = numpy.frombuffer(batch.tokens, dtype="<u4").astype(numpy.int64).reshape(shape)
        self._begun += 1
        return Trial(
            index=index,
            batch=batch,
            tokens=tokens,
            targets=next_tokens(tokens),
            cuts=decoy_cuts(self._spec.decoys.cut_key, index, frames, *shape),
            costs=torch.zeros(frames + 1, *shape, dtype=torch.int64),
        )

    def questions(self, trial: Trial) -> Iterator[bytes]:
        """Tokens of each frame in the order they are asked: (B, T) u32 little-endian."""
        key, vocab = self._spec.decoys.cut_key, self._stream.vocab
        for frame, cuts in enumerate(trial.cuts):
            yield decoy_tokens(key, trial.index, frame, vocab, cuts, trial.tokens).astype("<u4").tobytes()
        yield trial.batch.tokens

    def hear(self, trial: Trial, frame: int, chunk: Chunk) -> None:
        """Cost a chunk of a frame's answer; frames count from 0, the last is the true one."""
        scored = self._scored(trial)
        length = trial.batch.length
        logits = torch.frombuffer(chunk.data, dtype=DTYPES[chunk.dtype]).view(chunk.count, self._stream.vocab)
        positions = torch.arange(chunk.start, chunk.start + chunk.count)
        if len(scored) < trial.batch.rows:
            chosen = torch.isin(positions // length, torch.from_numpy(scored))
            positions, logits = positions[chosen], logits[chosen]
        costs = token_costs(logits, trial.targets[positions])
        trial.costs[frame].view(-1)[positions] = costs.micro_nats
        predicts = positions % length != length - 1  # a row's last position predicts nothing here: read, not scored
        trial.unusable |= bool((costs.unusable & predicts).any())
        if frame == trial.decoys:
            self._commit_to(trial, scored, chunk)

    def _scored(self, trial: Trial) -> Ints:
        if trial.scored is None:
            sample = self._spec.rows
            trial.scored = numpy.array(scored_rows(sample.key, sample.fraction, trial.index, trial.batch.rows))
        return trial.scored

    def _commit_to(self, trial: Trial, scored: Ints, chunk: Chunk) -> None:
        """Hash the true frame's bytes, row by row; a row's costs are complete when its last byte is read."""
        length, stop = trial.batch.length, chunk.start + chunk.count
        first, last = chunk.start // length, stop // length  # rows that end in this chunk: first … last - 1
        row_costs = trial.costs[-1, first:last, :-1].sum(dim=1).tolist()
        row_scored = numpy.isin(numpy.arange(first, last), scored).tolist()
        position_bytes = len(chunk.data) // chunk.count
        at = 0
        for row_end, cost, is_scored in zip(
            range((first + 1) * length, stop + 1, length), row_costs, row_scored, strict=True
        ):
            end = (row_end - chunk.start) * position_bytes
            self.ledger.groups.read(chunk.data[at:end])
            self.ledger.groups.end_row(length - 1, (length - 1) * is_scored, cost)
            at = end
        self.ledger.groups.read(chunk.data[at:])  # the beginning of a row that goes on in the next chunk

    def conclude(self, trial: Trial) -> None:
        """All frames are in: compare, write the batch down. Raises AttemptFailed: `nan` or `causality`."""
        scored = self._scored(trial)
        costs = trial.costs[:, torch.from_numpy(scored), :-1].numpy()  # (D + 1, R, T - 1)
        baseline = self._baseline[predicted_positions(trial.batch)].astype(numpy.int64)  # (B, T - 1)
        for frame, cuts in enumerate(trial.cuts):
            self.cuts.add(trial.index, scored, cuts[scored], costs[frame], costs[-1], baseline[scored])
        row_costs = costs[-1].sum(axis=1).tolist()
        self.ledger.commit(trial.batch, row_costs, int(baseline.sum()), trial.unusable)
        if self.ledger.unusable_batches > UNUSABLE_BATCHES_ALLOWED:
            raise AttemptFailed("nan", f"logits of {self.ledger.unusable_batches} batches were no distribution")
        if len(self.cuts.convicting) >= BATCHES_TO_CONVICT:
            proof = "; ".join(str(evidence) for evidence in self.cuts.convicting.values())
            raise AttemptFailed("causality", f"predictions depend on tokens that come later: {proof}")


def next_tokens(tokens: Ints) -> Tensor:
    """(B * T) int64: what each position's logits predict. A row's last position predicts nothing: 0 stands there."""
    targets = numpy.zeros_like(tokens)
    targets[:, :-1] = tokens[:, 1:]
    return torch.from_numpy(targets).view(-1)


def predicted_positions(batch: Batch) -> Ints:
    """(B, T - 1): where in the stream the tokens lie that the batch's logits predict."""
    spans = numpy.concatenate([numpy.arange(start, stop) for start, stop in batch.charged])
    charged = spans.reshape(batch.rows, -1)  # a lane's first row has its first token too, which nothing predicts
    return charged[:, charged.shape[1] - (batch.length - 1) :]
