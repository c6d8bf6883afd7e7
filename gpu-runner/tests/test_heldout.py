"""Held-out runs: what is measured, what is found out, and what never comes out."""

import json
import math
from pathlib import Path

import numpy
import pytest
from safetensors.torch import load_file, save_file

from attempts import GRU, TRAIN, run_attempt
from heldout_attempts import run_held_out
from prism_runner.heldout_decoys import decoys
from prism_runner.heldout_measure import by_unit, clipped, cut_into_frames
from prism_runner.heldout_result import estimate
from prism_runner.heldout_spec import HeldOut
from prism_runner.heldout_text import first_bytes, joined, released_parts
from prism_runner.stream import Batch, TokenStream
from prism_runner.tokenizers import byte_stream

ASK = HeldOut("val", 3, 8, 100, 100, (), "", bytes(32), 1, 0, 2)

# The GRU with state along its lanes: kept in a buffer, after T - 1 tokens, when training and when not.
LANES = GRU.replace("        self.head =", '        self.register_buffer("lanes", None)\n        self.head =').replace(
    "        return self.head(self.drop(self.gru(self.embed(tokens))[0]))",
    "        inputs = self.embed(tokens)\n"
    "        start = self.lanes if self.lanes is not None and self.lanes.shape[1] == len(tokens) else None\n"
    "        most, self.lanes = self.gru(inputs[:, :-1], start)\n"
    "        last, _ = self.gru(inputs[:, -1:], self.lanes)\n"
    "        self.lanes = self.lanes.detach()\n"
    "        return self.head(self.drop(torch.cat((most, last), 1)))",
)
AHEAD = "logits = self.head(self.drop(self.gru(self.embed(tokens))[0])); "
AHEAD += "ahead = nn.functional.one_hot(tokens.roll(-1, 1), 256); "
CHEAT = GRU.replace("return self.head(self.drop(self.gru(self.embed(tokens))[0]))", AHEAD + "return logits + 3 * ahead")


def trained_state(model: str) -> Path:
    result = run_attempt(model, TRAIN, exportState=True)
    assert result.state is not None, (result.outcome, result.contestant_log)
    return result.state


@pytest.fixture(scope="session")
def gru_state() -> Path:
    return trained_state(GRU)


def when(condition: str, then: str) -> str:
    """The GRU, with something else to do in `forward` when it can tell what is going on."""
    count = "self.count = getattr(self, 'count', 0) + 1"
    return GRU.replace(
        "        return self.head",
        f"        {count}\n        if {condition}:\n            {then}\n        return self.head",
    )


def test_an_honest_model_beats_its_twin_and_two_measurements_are_the_same_bytes(gru_state: Path) -> None:
    first, second = (run_held_out(gru_state) for _ in range(2))
    assert first.raw == second.raw
    result = first.result
    assert (result["verdict"], result["reason"], result["contestant"]) == ("measured", None, None)
    trained, twin, delta = (result[name]["bitsPerByte"] for name in ("trained", "twin", "delta"))
    assert trained < 5 < twin < 8.2
    assert delta == pytest.approx(twin - trained, abs=1.1e-4)
    assert 0 < result["delta"]["standardErrorBpb"] < 0.2
    counts = result["counts"]
    assert counts == {"documents": counts["documents"], "bytes": 5996, "tokens": counts["tokens"], "cuts": 288}
    assert 5 < counts["documents"] < 60
    assert result["trained"]["bitsPerByte"] == round(trained, 4)


def test_state_carried_along_the_lanes_agrees_and_is_carried() -> None:
    carried = run_held_out(trained_state(LANES)).result
    assert carried["verdict"] == "measured"
    assert carried["trained"]["bitsPerByte"] < 5


def test_a_model_that_looks_ahead_disagrees_with_itself(gru_state: Path) -> None:
    result = run_held_out(gru_state, CHEAT).result  # honest in its run, and not here
    assert (result["verdict"], result["trained"], result["twin"], result["delta"]) == ("disagree", None, None, None)


def test_a_twin_that_plays_dumb_gains_nothing(gru_state: Path) -> None:
    # It knows itself by its untrained weights; negated logits would cost it far more than eight bits a byte.
    dumb = GRU.replace(
        "return self.head(self.drop(self.gru(self.embed(tokens))[0]))",
        "logits = self.head(self.drop(self.gru(self.embed(tokens))[0])); "
        "return -50 * logits if self.head.bias.abs().max() < 0.13 else logits",
    )
    result = run_held_out(gru_state, dumb).result
    assert result["verdict"] == "measured"
    assert 7.5 < result["twin"]["bitsPerByte"] <= 8.0


def test_the_other_end_of_the_gap_is_measured_on_released_bytes(gru_state: Path) -> None:
    released = [[0, 3000], [3500, 9000]]
    result = run_held_out(gru_state, side="train", released=released, bytes=8_000).result
    assert (result["verdict"], result["twin"], result["delta"]) == ("measured", None, None)
    assert result["trained"]["bitsPerByte"] < 5
    assert result["counts"]["cuts"] == 0
    assert 7_900 < result["counts"]["bytes"] <= 8_000
    few = run_held_out(gru_state, side="train", released=[[10, 200]], bytes=8_000, batchSize=128).result
    assert 60 < few["counts"]["bytes"] < 190


TOLD = "raise RuntimeError(bytes(tokens.flatten().tolist()).decode('latin-1'))"
FAILURES = {
    "crashes": (when("True", TOLD), "exception", "trained"),
    "crashes later": (when("self.count > 3", TOLD), "exception", "trained"),
    "crashes where it is asked more": (when("self.count > 25", TOLD), "exception", "witness"),
    "crashes where it isn't trained": (when("self.head.bias.abs().max() < 0.13", TOLD), "exception", "twin"),
    "takes another shape": (when("True", "return torch.zeros(1, 1, 256)"), "contract", "trained"),
    "never answers": (when("True", "import threading; threading.Event().wait()"), "timeout", "trained"),
    "has other parameters": (GRU.replace("64", "65"), "contract", "trained"),
    "builds something else": (GRU + "    return 3\n\ndef build_model(ctx): return 3\n", "contract", "trained"),
}


@pytest.mark.parametrize(("model", "reason", "contestant"), FAILURES.values(), ids=FAILURES)
def test_what_goes_wrong_is_told_by_a_word_of_ours(gru_state: Path, model: str, reason: str, contestant: str) -> None:
    held_out = run_held_out(gru_state, model, limits={"frameSeconds": 1.5})
    result = held_out.result
    assert (result["verdict"], result["reason"], result["contestant"]) == ("failed", reason, contestant)
    assert [result[name] for name in ("trained", "twin", "delta", "counts")] == [None] * 4
    assert not any(word in held_out.raw.decode() for word in (" shall ", "unto ", "Ω", "RuntimeError"))


def test_a_contestant_that_dies_is_lost(gru_state: Path) -> None:
    result = run_held_out(gru_state, when("True", "import os; os._exit(0)")).result
    assert (result["verdict"], result["reason"], result["contestant"]) == ("lost", "frame", "trained")


def test_rubbish_for_a_state_is_the_contestant_s_fault(tmp_path: Path) -> None:
    rubbish = tmp_path / "rubbish"
    rubbish.write_bytes(b"\x80\x04rubbish")
    result = run_held_out(rubbish).result
    assert (result["verdict"], result["reason"], result["contestant"]) == ("failed", "contract", "trained")


def test_a_state_with_a_parameter_too_few_is_refused(gru_state: Path, tmp_path: Path) -> None:
    tensors = load_file(gru_state)
    del tensors["head.bias"]
    save_file(tensors, tmp_path / "state")
    assert run_held_out(tmp_path / "state").result["reason"] == "contract"


def test_too_little_text_or_another_state_is_our_fault(gru_state: Path) -> None:
    assert run_held_out(gru_state, bytes=10**6).result["verdict"] == "fault"
    assert run_held_out(gru_state, spec={"codeHash": "0" * 64}).result["reason"] == "ValueError"


def test_nothing_but_events_and_numbers_is_said_on_the_way(gru_state: Path) -> None:
    events = [json.loads(line) for line in run_held_out(gru_state).stdout.splitlines()]
    known = {"ready", "connected", "contestantDone", "frameStart", "frameEnd", "done"}
    assert {event["event"] for event in events} == known
    assert [event["contestant"] for event in events if event["event"] == "ready"] == [0, 1, 2]
    said = {key: value for event in events for key, value in event.items() if key not in ("event", "id", "contestant")}
    assert said == {"outcome": "measured"}


def test_text_is_cut_into_units_at_characters_and_released_ranges() -> None:
    documents = [("a", b"0123456789"), ("b", "äöü日本".encode()), ("c", b"never in the stream")]
    parts = [raw for _, raw in released_parts(documents, [(2, 4), (6, 13), (15, 40)], 22)]
    assert parts == [b"23", b"6789", "ä".encode(), "ü日本".encode()]
    assert first_bytes(["日本".encode(), b"xyz", b"more"], 8) == ["日本".encode(), b"xy"]
    assert first_bytes(["日本".encode(), b"xyz"], 5) == ["日".encode()]


def test_a_token_belongs_to_the_unit_of_its_first_byte() -> None:
    def pairs(raw: bytes) -> TokenStream:
        return TokenStream(raw[::2], range(0, len(raw) + 1, 2), 256)

    text = joined([b"abc", b"d", b"efgh"], pairs)
    assert text.owners.tolist() == [0, 0, 2, 2]
    assert joined([b"ab", b"c"], byte_stream).owners.tolist() == [0, 0, 1]


def test_every_token_but_the_lanes_first_is_counted_once_for_its_unit() -> None:
    text = joined([b"x" * 30, b"y" * 20, b"z" * 51], byte_stream)
    questions = cut_into_frames(text, ASK)
    costs = [
        numpy.frombuffer(batch.tokens, dtype="<u4").reshape(batch.rows, -1)[:, 1:].astype(numpy.int64)
        for batch in questions.batches
    ]  # a token's cost is its id, so that sums show where they came from
    nats, sizes = by_unit(questions, text, costs)
    assert sizes.tolist() == [29, 19, 48]  # lanes of 33 begin at 0, 33 and 66; two tokens are left over
    assert (nats / sizes).tolist() == [ord("x"), ord("y"), ord("z")]
    assert clipped(costs, 2)[0].max() == costs[0].max()
    assert clipped([numpy.array([[10**9]])], 256)[0].item() == 5_545_177


def test_a_text_that_is_too_short_for_b_has_fewer_lanes() -> None:
    questions = cut_into_frames(joined([b"abcde"], byte_stream), ASK)
    assert [(batch.rows, batch.length) for batch in questions.batches] == [(2, 2)]


def test_decoys_are_true_before_their_cut_and_never_ask_what_an_earlier_one_showed() -> None:
    true = numpy.full((3, 50), 7, dtype="<u4")
    batch = Batch(3, 50, true.tobytes(), 3, ())
    drawn = list(decoys(b"k" * 32, 5, batch, 1000, 20))
    cuts = numpy.array([decoy.cuts for decoy in drawn])
    assert (numpy.diff(cuts, axis=0) >= 0).all()
    assert set(cuts.ravel().tolist()) <= set(range(1, 50))
    assert len(set(cuts.ravel().tolist())) > 20
    for decoy in drawn:
        tokens = numpy.frombuffer(decoy.tokens, dtype="<u4").reshape(3, 50)
        before = numpy.arange(50) < decoy.cuts[:, None]
        assert (tokens[before] == 7).all()
        assert tokens.max() < 1000
        assert (tokens[~before] != 7).mean() > 0.9
    assert drawn[0].tokens == next(decoys(b"k" * 32, 5, batch, 1000, 20)).tokens
    assert drawn[0].tokens != next(decoys(b"k" * 32, 6, batch, 1000, 20)).tokens


def test_the_standard_error_is_that_of_resampled_documents() -> None:
    source = numpy.random.default_rng(1)
    sizes = source.integers(50, 150, 400)
    nats = (sizes * source.normal(2e6, 4e5, 400)).astype(numpy.int64)
    result = estimate(nats, sizes, 3, 1000)
    assert result == estimate(nats, sizes, 3, 1000) != estimate(nats, sizes, 4, 1000)
    mean = nats.sum() / sizes.sum()
    linear = numpy.sqrt(((nats - mean * sizes) ** 2).sum()) / sizes.sum()  # the ratio estimator's, for many documents
    assert result.bits_per_byte == pytest.approx(mean / 1e6 / math.log(2))
    assert result.standard_error == pytest.approx(linear / 1e6 / math.log(2), rel=0.1)
    assert estimate(numpy.array([0, 5]), numpy.array([0, 1]), 3, 10).standard_error < 1e-12
