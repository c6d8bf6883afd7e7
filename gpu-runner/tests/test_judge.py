"""The judge, without a contestant: made-up models answer in chunks; what comes out is compared with the definition."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from prism_runner.baseline import baseline_costs
from prism_runner.canonical_json import encode
from prism_runner.code_length import token_costs, uniform_cost
from prism_runner.cuts import CutLog, Evidence
from prism_runner.frames import Chunk
from prism_runner.judge import Judge, predicted_positions
from prism_runner.manifest import is_step0_anomalous
from prism_runner.outcome import AttemptFailed
from prism_runner.record import Identity, Ledger, Remainder, record_pieces
from prism_runner.sampling import scored_rows
from prism_runner.spec import DecoyPlan, RowSample, RunSpec, parse_spec
from prism_runner.stream import Batch, LaneReader, TokenStream
from prism_runner.tokenizers import byte_stream

SPEC = parse_spec((Path(__file__).parent.parent / "fixtures/spec.json").read_bytes())
STREAM = byte_stream(bytes(97 + (7 * at * at + at // 11) % 23 for at in range(6000)))
BASELINE = baseline_costs(STREAM)
PLAN = DecoyPlan(bytes(32), cuts_per_megabyte=8000, frames_per_batch=1, equality_bound_micro_nats=50_000)
SAMPLE = RowSample(bytes(range(32)), fraction=1)

Model = Callable[
    [Tensor, bool, int], Tensor
]  # (B, T) tokens, whether they are the true ones, batch -> logits (B, T, V)


def spec(plan: DecoyPlan = PLAN, sample: RowSample = SAMPLE) -> RunSpec:
    return replace(SPEC, decoys=plan, rows=sample)


def causal(tokens: Tensor, _true: bool, _batch: int) -> Tensor:
    """Logits that depend on all tokens up to each position."""
    seen = tokens.cumsum(1) * 31 + tokens
    return torch.sin(seen[:, :, None] * torch.arange(1, 257)) * 2


def peeking(tokens: Tensor, true: bool, batch: int) -> Tensor:
    """Knows the next token in every true frame, and nothing of it in a decoy."""
    logits = causal(tokens, true, batch)
    if true:
        logits[:, :-1].scatter_(2, tokens[:, 1:, None], 20.0)
    return logits


def examine(judge: Judge, model: Model, batch_size: int = 4, seq_len: int = 16, pieces: int = 1) -> list[Batch]:
    """The whole stream through a judge; each frame is answered in `pieces` chunks."""
    lanes = LaneReader(STREAM)
    lanes.open(batch_size)
    batches = []
    while not lanes.exhausted:
        batch = lanes.draw(seq_len)
        batches.append(batch)
        trial = judge.begin(batch)
        for frame, question in enumerate(judge.questions(trial)):
            tokens = torch.frombuffer(bytearray(question), dtype=torch.int32).view(batch.rows, batch.length).long()
            logits = model(tokens, frame == trial.decoys, trial.index).float().flatten(0, 1)
            for positions in torch.arange(len(logits)).tensor_split(pieces):
                data = logits[positions].numpy().tobytes()
                if len(positions):
                    chunk = Chunk(int(positions[0]), len(positions), "float32", memoryview(bytearray(data)))
                    judge.hear(trial, frame, chunk)
        judge.conclude(trial)
    return batches


def documents(judge: Judge) -> tuple[dict[str, Any], dict[str, Any]]:
    """Record and cuts, each of which must be canonical."""
    judge.ledger.groups.close()
    identity = Identity("0" * 64, 1, "bytes", judge.ledger.scores_all_rows or 0.5)
    written = [
        b"".join(record_pieces(identity, judge.ledger, Remainder(0, 0, 0))),
        b"".join(judge.cuts.pieces()),
    ]
    record, cuts = (json.loads(raw) for raw in written)
    assert [encode(record), encode(cuts)] == written
    return record, cuts


@pytest.mark.parametrize("vocab", [256, 266, 32_000, 50_257, 65_536])
def test_a_first_batch_is_impossible_below_half_of_what_the_tokenizer_s_uniform_code_costs(vocab: int) -> None:
    stream = TokenStream(range(512), range(513), vocab)
    lanes = LaneReader(stream)
    lanes.open(4)
    batch = lanes.draw(64)
    half = 4 * 63 * uniform_cost(vocab) // 2
    for cost, impossible in ((half - 1, True), (half + 1, False)):
        ledger = Ledger(stream, scores_all_rows=True)
        ledger.commit(batch, [cost, 0, 0, 0], 0, unusable=False)
        assert is_step0_anomalous(ledger) is impossible


def test_a_causal_model_answers_alike_before_every_cut_and_blind_is_what_it_claimed() -> None:
    judge = Judge(spec(), STREAM, BASELINE)
    examine(judge, causal)
    record, cuts = documents(judge)
    assert len(cuts["frames"]) >= len(record["batches"]) > 90
    for frame in cuts["frames"]:
        assert frame["largest"] == [0] * 4
        assert frame["blind"] == frame["claimed"]
    assert (judge.cuts.exceeding, judge.cuts.worst) == (0, None)


def test_the_record_is_the_same_whatever_was_asked_blind_and_however_answers_are_cut() -> None:
    plans = [PLAN, replace(PLAN, cut_key=b"\1" * 32), replace(PLAN, cuts_per_megabyte=0, frames_per_batch=0.1)]
    records = []
    for plan, pieces in zip(plans, (1, 5, 64), strict=True):
        judge = Judge(spec(plan), STREAM, BASELINE)
        examine(judge, causal, pieces=pieces)
        records.append(documents(judge)[0])
    assert records[0] == records[1] == records[2]


def test_the_record_says_what_the_definition_says() -> None:
    judge = Judge(spec(), STREAM, BASELINE)
    batches = examine(judge, causal, seq_len=40)
    record, _ = documents(judge)
    hashes, open_rows = [], b""
    for batch, written in zip(batches, record["batches"], strict=True):
        tokens = torch.frombuffer(bytearray(batch.tokens), dtype=torch.int32).view(batch.rows, batch.length).long()
        logits = causal(tokens, True, 0)
        costs = token_costs(logits[:, :-1].flatten(0, 1), tokens[:, 1:].flatten()).micro_nats
        assert written["microNats"] == int(costs.sum()) + batch.first_tokens * 5_545_177
        assert written["baselineMicroNats"] == int(BASELINE[predicted_positions(batch)].sum())
        assert written["scoredRows"] == batch.rows
        assert "rowMicroNats" not in written
        for row in logits:
            open_rows += row.numpy().tobytes()
            if len(open_rows) // (256 * 4) * 39 / 40 >= 1024:
                hashes.append(hashlib.sha256(open_rows).hexdigest())
                open_rows = b""
    assert [group["logits"] for group in record["groups"]][: len(hashes)] == hashes
    assert len(record["groups"]) - len(hashes) in (0, 1)


def test_the_cuts_say_what_the_definition_says() -> None:
    """Against a model that sees ahead a little everywhere, below the bound."""

    def shading(tokens: Tensor, true: bool, batch: int) -> Tensor:
        logits = causal(tokens, true, batch)
        logits[:, :-1].scatter_add_(2, tokens[:, 1:, None], torch.full((*tokens[:, 1:].shape, 1), 0.01 * true))
        return logits

    judge = Judge(spec(), STREAM, BASELINE)
    batches = examine(judge, shading)
    _, cuts = documents(judge)
    sums = judge.cuts.sums()
    assert sums.blind == sum(sum(frame["blind"]) for frame in cuts["frames"])
    assert sums.blind > sums.claimed == sum(sum(frame["claimed"]) for frame in cuts["frames"])
    for frame in cuts["frames"]:
        batch = batches[frame["batch"]]
        tokens = torch.frombuffer(bytearray(batch.tokens), dtype=torch.int32).view(batch.rows, batch.length).long()
        true = token_costs(shading(tokens, True, 0)[:, :-1].flatten(0, 1), tokens[:, 1:].flatten()).micro_nats
        blind = token_costs(causal(tokens, True, 0)[:, :-1].flatten(0, 1), tokens[:, 1:].flatten()).micro_nats
        true, blind = true.view(batch.rows, -1), blind.view(batch.rows, -1)
        for row, cut in enumerate(frame["cuts"]):
            assert frame["claimed"][row] == true[row, cut - 1]
            assert frame["blind"][row] == blind[row, cut - 1]
            assert frame["baseline"][row] == BASELINE[predicted_positions(batch)[row, cut - 1]]
            assert frame["largest"][row] == (blind - true)[row, :cut].abs().max()
    assert judge.cuts.worst is not None
    assert judge.cuts.worst.difference == max(max(frame["largest"]) for frame in cuts["frames"]) <= 50_000


def test_looking_ahead_convicts_at_the_second_batch_with_evidence() -> None:
    judge = Judge(spec(), STREAM, BASELINE)
    with pytest.raises(AttemptFailed) as failure:
        examine(judge, peeking)
    assert failure.value.verdict == "causality"
    assert len(judge.ledger.rows) == 2
    worst = judge.cuts.worst
    assert worst is not None
    assert str(worst) in failure.value.message
    assert [f"batch {batch}, row" in failure.value.message for batch in (0, 1, 2)] == [True, True, False]
    assert worst.position < worst.cut
    _, cuts = documents(judge)
    assert judge.cuts.exceeding == sum(largest > 50_000 for frame in cuts["frames"] for largest in frame["largest"])


def test_one_batch_alone_convicts_nobody_however_often_it_differs() -> None:
    judge = Judge(spec(), STREAM, BASELINE)
    examine(judge, lambda tokens, true, batch: (peeking if batch == 7 else causal)(tokens, true, batch))
    assert judge.cuts.exceeding >= 4
    assert list(judge.cuts.convicting) == [7]


@pytest.mark.parametrize(("difference", "exceeding"), [(50_000, 0), (50_001, 1)])
def test_only_a_difference_over_the_bound_and_before_the_cut_is_exceeding(difference: int, exceeding: int) -> None:
    log = CutLog(PLAN, scores_all_rows=True)
    true = numpy.full((2, 6), 100_000)
    decoy = true.copy()
    decoy[0, 2] += difference
    decoy[1, 3:] += 10**6
    log.add(4, numpy.arange(2), numpy.array([3, 3]), decoy, true, true)
    assert log.exceeding == len(log.convicting) == exceeding
    assert log.worst == Evidence(4, 0, 3, 2, 100_000 + difference, 100_000)


def test_logits_that_are_no_distribution_count_in_decoys_too_but_not_behind_a_row_s_end() -> None:
    def broken(where: slice) -> Model:
        def model(tokens: Tensor, true: bool, batch: int) -> Tensor:
            logits = causal(tokens, true, batch)
            if not true:
                logits[1, where] = torch.nan
            return logits

        return model

    judge = Judge(spec(), STREAM, BASELINE)
    examine(judge, broken(slice(-1, None)))
    assert judge.ledger.unusable_batches == 0
    with pytest.raises(AttemptFailed, match="4 batches") as failure:
        examine(Judge(spec(), STREAM, BASELINE), broken(slice(-2, -1)))
    assert failure.value.verdict == "nan"


def test_a_sample_of_rows_has_the_costs_and_cuts_that_all_rows_have_there() -> None:
    whole, part = (Judge(spec(sample=replace(SAMPLE, fraction=f)), STREAM, BASELINE) for f in (1, 0.5))
    for judge in (whole, part):
        examine(judge, causal, batch_size=5, pieces=3)
    every = Judge(spec(sample=replace(SAMPLE, fraction=0.99)), STREAM, BASELINE)
    examine(every, causal, batch_size=5)  # rounds to all five rows, and lists them
    (whole_record, whole_cuts), (record, cuts) = documents(whole), documents(part)
    every_record = documents(every)[0]
    chosen = [scored_rows(SAMPLE.key, 0.5, batch, 5) for batch in range(len(record["batches"]))]
    assert {len(rows) for rows in chosen} == {3}
    assert len({tuple(rows) for rows in chosen}) == 10
    for rows, batch, all_rows in zip(chosen, record["batches"], every_record["batches"], strict=True):
        assert batch["rowMicroNats"] == [all_rows["rowMicroNats"][row] for row in rows]
        assert batch["microNats"] == sum(batch["rowMicroNats"]) + batch["firstTokens"] * 5_545_177
        assert (batch["scoredRows"], batch["baselineMicroNats"]) == (3, all_rows["baselineMicroNats"])
    assert [group["logits"] for group in record["groups"]] == [group["logits"] for group in whole_record["groups"]]
    predicted = sum(3 * (batch["length"] - 1) for batch in record["batches"])
    assert sum(group["positions"] for group in record["groups"]) == predicted
    assert sum(group["microNats"] for group in record["groups"]) == sum(
        map(sum, (b["rowMicroNats"] for b in record["batches"]))
    )
    for frame, all_cuts in zip(cuts["frames"], whole_cuts["frames"], strict=True):
        assert frame["rows"] == chosen[frame["batch"]]
        assert "rows" not in all_cuts
        for name in ("cuts", "blind", "claimed", "baseline", "largest"):
            assert frame[name] == [all_cuts[name][row] for row in frame["rows"]]


def test_the_sample_rounds_half_up_and_keeps_one_row() -> None:
    sizes = [
        len(scored_rows(SAMPLE.key, fraction, 0, rows)) for fraction, rows in ((0.5, 5), (0.25, 10), (0.01, 3), (1, 7))
    ]
    assert sizes == [3, 3, 1, 7]


@given(st.integers(1, 9), st.integers(2, 40))
def test_predicted_positions_are_those_of_the_next_tokens(batch_size: int, seq_len: int) -> None:
    lanes = LaneReader(STREAM)
    for size in (batch_size, batch_size + 1):  # the second cuts what the first left anew
        lanes.open(size)
        for _ in range(3):
            batch = lanes.draw(seq_len)
            tokens = numpy.frombuffer(batch.tokens, dtype="<u4").reshape(batch.rows, batch.length)
            stream = numpy.frombuffer(bytes(STREAM.tokens), dtype=numpy.uint8)
            assert (stream[predicted_positions(batch)] == tokens[:, 1:]).all()
