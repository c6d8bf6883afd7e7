"""What held-out contestants are asked, and what follows from their answers. Knows no files.

Theory of operation. The text is cut into lanes as a stream is, with the run's last B and T. The first contestant
answers true rows, and commits to its costs by that. The second one, which can't have heard of them, is asked for some
of the same tokens blind: rows that are false from a cut on. A model that looks ahead has given the first time what it
can't give the second time. Both hold the same state; the true frame that follows carries state along the lanes.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy
import torch
from numpy.typing import NDArray
from torch import Tensor

from prism_runner.code_length import token_costs, uniform_cost
from prism_runner.decoys import Ints, decoy_cuts, decoy_tokens
from prism_runner.frames import Chunk
from prism_runner.heldout_session import HeldOutSession
from prism_runner.heldout_spec import HeldOut
from prism_runner.heldout_text import HeldOutText
from prism_runner.judge import DTYPES, next_tokens, predicted_positions
from prism_runner.stream import Batch, LaneReader, TokenStream

EXCEEDING_ROWS = 2  # one row may differ by an accident of arithmetic

MicroNats = NDArray[numpy.int64]


@dataclass(frozen=True)
class Questions:
    """The text in frames."""

    batches: list[Batch]  # in order; each is answered once a contestant
    stream: TokenStream  # what they were cut from

    @property
    def rows(self) -> int:
        """Rows of all batches."""
        return sum(batch.rows for batch in self.batches)


def cut_into_frames(text: HeldOutText, held_out: HeldOut) -> Questions:
    """Lanes and rows with the run's B and T; fewer lanes where the text is too short for B."""
    lanes = LaneReader(text.stream)
    lanes.open(max(1, min(held_out.batch_size, len(text.stream.tokens) // 2)))
    batches = []
    while not lanes.exhausted:
        batches.append(lanes.draw(held_out.seq_len))
    return Questions(batches, text.stream)


def answer_true_rows(questions: Questions, costs: list[MicroNats]) -> Callable[[HeldOutSession], None]:
    """Ask for every row as it is; `costs` gets (B, T - 1) microNats a batch: of the tokens 1 … T - 1 of each row."""

    def put(session: HeldOutSession) -> None:
        for batch in questions.batches:
            targets = next_tokens(true_tokens(batch))
            micro_nats = torch.empty(batch.rows * batch.length, dtype=torch.int64)
            for chunk in session.ask(batch.rows, batch.length, batch.tokens):
                span = slice(chunk.start, chunk.start + chunk.count)
                logits = logits_of(chunk, questions.stream.vocab)
                micro_nats[span] = token_costs(logits, targets[span]).micro_nats
            costs.append(micro_nats.view(batch.rows, batch.length)[:, :-1].numpy())
            session.advance()

    return put


@dataclass
class Witnessed:
    """What the second contestant's blind answers said."""

    cuts: int = 0  # tokens asked blind
    exceeding_rows: int = 0  # rows with a blind answer beyond the bound


def answer_with_cuts(
    questions: Questions, held_out: HeldOut, claims: list[MicroNats], witnessed: Witnessed
) -> Callable[[HeldOutSession], None]:
    """Ask for every row with cuts, as often as it takes to reach their number, then as it is."""
    frames = -(-held_out.cuts // questions.rows)

    def put(session: HeldOutSession) -> None:
        for number, (batch, claimed) in enumerate(zip(questions.batches, claims, strict=True)):
            key, vocab, true = held_out.cut_key, questions.stream.vocab, true_tokens(batch)
            exceeding = numpy.zeros(batch.rows, dtype=bool)
            for frame, cuts in enumerate(decoy_cuts(key, number, frames, *true.shape)):
                asked = numpy.arange(batch.rows) * batch.length + cuts - 1  # logits there predict the cut's token
                tokens = decoy_tokens(key, number, frame, vocab, cuts, true).astype("<u4").tobytes()
                blind = blind_costs(session.ask(batch.rows, batch.length, tokens), asked, next_tokens(true), vocab)
                claim = claimed[numpy.arange(batch.rows), cuts - 1]
                exceeding |= abs(blind - claim) > held_out.equality_bound
                witnessed.cuts += batch.rows
            witnessed.exceeding_rows += int(exceeding.sum())
            for _ in session.ask(batch.rows, batch.length, batch.tokens):
                pass  # it isn't told apart from the others: what it says now, it could look up
            session.advance()

    return put


def true_tokens(batch: Batch) -> Ints:
    """(B, T) as the stream has them."""
    return numpy.frombuffer(batch.tokens, dtype="<u4").astype(numpy.int64).reshape(batch.rows, batch.length)


def blind_costs(answers: Iterator[Chunk], asked: MicroNats, targets: Tensor, vocab: int) -> MicroNats:
    """MicroNats of the true token at the asked positions, which ascend; only their logits are read."""
    costs = numpy.empty(len(asked), dtype=numpy.int64)
    for chunk in answers:
        first, last = numpy.searchsorted(asked, (chunk.start, chunk.start + chunk.count))
        positions = torch.from_numpy(asked[first:last])
        if len(positions):
            logits = logits_of(chunk, vocab)[positions - chunk.start]
            costs[first:last] = token_costs(logits, targets[positions]).micro_nats.numpy()
    return costs


def logits_of(chunk: Chunk, vocab: int) -> Tensor:
    """(count, V) over the chunk's private copy."""
    return torch.frombuffer(chunk.data, dtype=DTYPES[chunk.dtype]).view(chunk.count, vocab)


def by_unit(questions: Questions, text: HeldOutText, costs: list[MicroNats]) -> tuple[MicroNats, MicroNats]:
    """MicroNats and raw bytes of the predicted tokens of each unit. A lane's first token is nobody's prediction."""
    micro_nats = numpy.zeros(text.units, dtype=numpy.int64)
    sizes = numpy.zeros(text.units, dtype=numpy.int64)
    token_bytes = numpy.diff(numpy.asarray(text.stream.byte_ends, dtype=numpy.int64))
    for batch, cost in zip(questions.batches, costs, strict=True):
        tokens = predicted_positions(batch)  # (B, T - 1)
        numpy.add.at(micro_nats, text.owners[tokens], cost)
        numpy.add.at(sizes, text.owners[tokens], token_bytes[tokens])
    return micro_nats, sizes


def clipped(costs: list[MicroNats], vocab: int) -> list[MicroNats]:
    """The same costs, none above the uniform code: a twin that plays dumb gains nothing."""
    return [numpy.minimum(cost, uniform_cost(vocab)) for cost in costs]
