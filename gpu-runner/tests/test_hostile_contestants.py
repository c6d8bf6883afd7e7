"""Whatever a contestant does, the referee writes a manifest, and the verdict is the contestant's."""

from pathlib import Path

import pytest

from attempts import Result, run_attempt

CLIENT = str(Path(__file__).with_name("hostile_client.py"))


def attacked_by(attack: str, export_state: bool = False, **limits: float) -> Result:
    limits = {"connectSeconds": 20, **limits}
    return run_attempt(command=[CLIENT, attack], limits=limits, exportState=export_state)


VIOLATIONS = {
    "garbage": "over the bound",
    "oversize_header": "over the bound",
    "not_json": "not a JSON object",
    "deep_json": "not a JSON object",
    "long_number": "not a JSON object",
    "lone_surrogate": "out of order",
    "unknown_kind": "out of order",
    "unannounced_body": "bodyBytes",
    "next_before_open": "before any `open`",
    "logits_without_frame": "out of order",
    "next_within_frame": "while a frame is to be answered",
    "open_within_frame": "while a frame is to be answered",
    "finish_within_frame": "while a frame is to be answered",
    "flood": "while a frame is to be answered",
    "wrong_frame": "id must be",
    "skipped_positions": "start must be",
    "too_many_positions": "count must be",
    "no_positions": "count must be",
    "negative_count": "count must be",
    "true_for_a_count": "count must be an integer",
    "third_slot": "slot must be",
    "float64_logits": "dtype must be",
    "changing_dtype": "dtype must be",
    "failed_with_a_novel": "message must be",
    "failed_with_a_verdict_of_its_own": "verdict must be",
    "finish_without_open": "never opened",
    "finish_without_batch": "nothing was predicted",
    "state_unasked": "exports none",
}


@pytest.mark.parametrize(("attack", "reason"), VIOLATIONS.items())
def test_a_broken_protocol_is_a_contract_failure(attack: str, reason: str) -> None:
    outcome = attacked_by(attack).outcome
    assert (outcome["kind"], outcome["verdict"]) == ("failed", "contract")
    assert reason in outcome["message"]


STATES = {
    "no_state": "cut short: 0 of 0 bytes",
    "state_cut_short": "cut short: 1 of 2 bytes",
    "state_out_of_order": "offset must be",
    "state_over_its_total": "goes beyond the total",
    "state_of_another_total": "total must be",
    "state_without_end": "total must be between 1 and 661048576",
    "state_in_a_huge_piece": "bodyBytes must be",
    "state_of_rubbish": "isn't a safetensors file",
    "more_batches_after_the_state": "`next` out of order",
}


@pytest.mark.parametrize(("attack", "reason"), STATES.items())
def test_a_state_that_breaks_the_protocol_is_a_contract_failure(attack: str, reason: str) -> None:
    result = attacked_by(attack, export_state=True)
    assert (result.outcome["kind"], result.outcome["verdict"]) == ("failed", "contract")
    assert reason in result.outcome["message"]
    assert result.state is None


def test_a_state_over_the_parameter_cap_is_refused_by_its_header() -> None:
    attack = "a_state_of_too_many_elements"
    assert attacked_by(attack, export_state=True, maxParameters=20).outcome["kind"] == "completed"
    outcome = attacked_by(attack, export_state=True, maxParameters=19).outcome
    assert outcome["verdict"] == "parameterCap"


def test_silence_within_the_state_is_a_timeout() -> None:
    outcome = attacked_by("silence_within_the_state", export_state=True, graceSeconds=0.5).outcome
    assert (outcome["kind"], outcome["verdict"]) == ("failed", "timeout")


SILENCES = {
    "silence_within_frame": {"frameSeconds": 0.3},
    "trickle_within_frame": {"frameSeconds": 0.3},
    "silence_before_open": {"setupSeconds": 0.5},
    "silence_in_training": {"budgetSeconds": 0.3, "graceSeconds": 0.3},
    "endless_reopening": {"budgetSeconds": 0.3, "graceSeconds": 0.3},
    "deaf": {"budgetSeconds": 0.3, "graceSeconds": 0.3},
}


@pytest.mark.parametrize(("attack", "limits"), SILENCES.items())
def test_silence_is_a_timeout(attack: str, limits: dict[str, float]) -> None:
    outcome = attacked_by(attack, **limits).outcome
    assert (outcome["kind"], outcome["verdict"]) == ("failed", "timeout")


@pytest.mark.parametrize(
    ("attack", "phase"),
    [("closed_within_frame", "frame"), ("closed_within_message", "frame"), ("closed_in_training", "training")],
)
def test_a_closed_channel_is_lost_in_the_phase_it_was_closed(attack: str, phase: str) -> None:
    result = attacked_by(attack)
    assert (result.outcome["kind"], result.outcome["phase"]) == ("lost", phase)
    assert result.record is None


def test_more_parameters_than_the_cap_are_its_own_verdict() -> None:
    assert attacked_by("too_many_parameters").outcome["verdict"] == "parameterCap"


@pytest.mark.parametrize("attack", ["truncated_memory", "second_connection", "after_the_end", "rewriting_memory"])
def test_attempts_on_the_channel_change_nothing(attack: str) -> None:
    """Untouched memory is all zeros: logits of the uniform code, whatever is tried beside it."""
    result = attacked_by(attack)
    assert result.outcome == {"kind": "completed"}, result.contestant_log
    assert result.record is not None
    totals = result.record["totals"]
    uniform = 5_545_177  # round(ln 256 * 10^6)
    assert totals["microNats"] == totals["coveredBytes"] * uniform


def test_answers_are_judged_as_they_were_copied_however_many_are_waiting() -> None:
    whole, small = attacked_by("frame_by_frame"), attacked_by("position_by_position")
    assert whole.outcome == small.outcome == {"kind": "completed"}, small.contestant_log
    assert whole.record_bytes == small.record_bytes
    assert whole.cuts_bytes == small.cuts_bytes


def test_descriptors_that_come_along_are_not_taken() -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    assert attacked_by("descriptors_along").outcome == {"kind": "completed"}
    own = 2  # of a referee, whose process this one is: its socket, and what the contestant committed to
    assert len(list(Path("/proc/self/fd").iterdir())) <= before + own


def test_a_contestant_that_never_connects_is_our_fault() -> None:
    result = run_attempt(command=["-c", "pass"], limits={"connectSeconds": 0.3})
    assert result.outcome["kind"] == "fault"


def test_a_channel_that_closes_before_submitted_code_ran_is_our_fault() -> None:
    script = (
        "import sys, socket\nfrom pathlib import Path\nfrom prism_runner.channel import connect\nimport time\n"
        "connect(Path(sys.argv[2]), time.monotonic() + 20).close()"
    )
    assert run_attempt(command=["-c", script]).outcome["kind"] == "fault"
