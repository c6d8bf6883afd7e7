"""Attempts in which the contestant is asked blind: what convicts, what doesn't, and reusing the scored forward."""

import hashlib
import json
from typing import Any

import pytest

from attempts import GRU, TRAIN, Result, run_attempt, under_torchrun
from test_attempts import LOOP, architecture, check_sums, completed

OFTEN = {"cutsPerMegabyte": 8000, "framesPerBatch": 1}

MEAN_OF_ALL = "return torch.zeros(*tokens.shape, self.vocab) + tokens.float().mean(1)[:, None, None] * self.weight / 50"
PEEKING = """
        logits = torch.zeros(*tokens.shape, self.vocab) + self.weight
        logits[:, :-1].scatter_(2, tokens[:, 1:, None], 5.0)
        return logits"""
MEAN_OF_A_BATCH = """
        logits = torch.zeros(*tokens.shape, self.vocab) + self.weight
        seen = torch.nn.functional.one_hot(tokens, self.vocab).float().mean((0, 1))
        return logits + 9 * seen"""

REUSE = TRAIN.replace("seq_len=64", "seq_len=64, reuse_forward=True").replace("model(batch.tokens)", "batch.logits")

TELL = """
    import hashlib
    weights = b"".join(p.detach().numpy().tobytes() for p in model.parameters())
    print("weights", hashlib.sha256(weights).hexdigest())
"""


def check_cuts(result: Result) -> dict[str, Any]:
    """Whatever ties record, cuts and manifest together."""
    assert result.cuts is not None
    assert result.cuts_bytes is not None
    assert result.manifest["cutsDigest"] == hashlib.sha256(result.cuts_bytes).hexdigest()
    assert result.cuts["keyDigest"] == hashlib.sha256(bytes.fromhex(result.spec["decoys"]["cutKey"])).hexdigest()
    frames, shown = result.cuts["frames"], result.manifest["anti_cheat"]
    total = {name: sum(sum(frame[name]) for frame in frames) for name in ("blind", "claimed", "baseline")}
    cuts = sum(len(frame["cuts"]) for frame in frames)
    assert shown["blind_mean"] == {
        "frames": len(frames),
        "cuts": cuts,
        **{f"{name}MicroNats": micro_nats for name, micro_nats in total.items()},
    }
    largest = [largest for frame in frames for largest in frame["largest"]]
    bound = result.spec["decoys"]["equalityBoundMicroNats"]
    assert (shown["causality"]["cuts"], shown["causality"]["exceeding"]) == (cuts, sum(n > bound for n in largest))
    worst = shown["causality"]["worst"]
    assert max(largest) == (abs(worst["decoyMicroNats"] - worst["trueMicroNats"]) if worst else 0)
    return result.cuts


@pytest.mark.parametrize("forward", [MEAN_OF_ALL, PEEKING, MEAN_OF_A_BATCH], ids=["mean", "peeking", "batch mean"])
def test_a_model_that_looks_ahead_is_convicted_with_evidence(forward: str) -> None:
    loop = LOOP.replace("    for", "    torch.nn.init.normal_(model.weight)\n    for").replace(
        "def", "import torch\ndef"
    )
    result = run_attempt(architecture(forward), loop, decoys=OFTEN)
    assert (result.outcome["kind"], result.outcome["verdict"]) == ("failed", "causality"), result.contestant_log
    cuts = check_cuts(result)
    assert result.record is None
    assert result.manifest["recordDigest"] is None
    worst = result.manifest["anti_cheat"]["causality"]["worst"]
    assert f"batch {worst['batch']}, row {worst['row']}, cut {worst['cut']}: token" in result.outcome["message"]
    assert len({frame["batch"] for frame in cuts["frames"] if max(frame["largest"]) > 50_000}) == 2


def test_a_rerun_asks_more_often_and_earns_the_same_record() -> None:
    run = run_attempt()
    rerun = run_attempt(purpose="rerun", decoys={**OFTEN, "cutKey": "5a" * 32})
    check_sums(run)
    for result, frames in ((run, 20), (rerun, 79)):
        assert abs(len(check_cuts(result)["frames"]) - frames) <= 2
        assert result.manifest["anti_cheat"]["causality"]["worst"] is None
    assert run.record_bytes == rerun.record_bytes


def test_a_sample_of_rows_is_scored_and_cut() -> None:
    whole, part = run_attempt(), run_attempt(fraction=0.5)
    record, every = completed(part), completed(whole)
    assert record["scoredRowFraction"] == 0.5
    assert [group["logits"] for group in record["groups"]] == [group["logits"] for group in every["groups"]]
    assert all(batch["scoredRows"] == len(batch["rowMicroNats"]) == 2 for batch in record["batches"])
    assert all(len(frame["rows"]) == 2 for frame in check_cuts(part)["frames"])
    assert 0.45 < record["totals"]["microNats"] / every["totals"]["microNats"] < 0.55
    curves = [result.manifest["metrics"]["online_loss"] for result in (part, whole)]
    assert sum(curves[0]) == pytest.approx(sum(curves[1]), rel=0.02)


def test_decoys_and_true_frames_have_one_form_on_the_wire_and_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    """What a contestant sees of a frame, printed by its adapter, and what the referee announces."""
    spy = """
import json
from prism_runner.channel import Channel

heard = Channel.receive
def receive(self, deadline, longest_body=None):
    header, body = heard(self, deadline, longest_body)
    print(json.dumps({**header, "size": len(body)}))
    return header, body
Channel.receive = receive
"""
    result = run_attempt(loop=spy + TRAIN, decoys=OFTEN)
    check_sums(result)
    headers = [json.loads(line) for line in result.contestant_log.splitlines() if line.startswith("{")]
    frames = [header for header in headers if header["kind"] == "frame"]
    releases = [header["id"] for header in headers if header["kind"] == "release"]
    assert [frame["id"] for frame in frames] == list(range(1, len(frames) + 1))
    assert len(frames) > len(releases) > 70
    for number, release in enumerate(releases):
        batch = [frame for frame in frames if (releases[number - 1] if number else 0) < frame["id"] <= release]
        assert len({json.dumps({**frame, "id": 0}, sort_keys=True) for frame in batch}) == 1
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    starts, ends = ([line for line in lines if line["event"] == event] for event in ("frameStart", "frameEnd"))
    assert starts == [{"event": "frameStart", "id": frame["id"]} for frame in frames]
    assert ends == [{"event": "frameEnd", "id": frame["id"]} for frame in frames]


def test_reusing_the_scored_forward_trains_as_a_second_forward_does() -> None:
    model = GRU.replace("Dropout(0.1)", "Identity()")
    plain, reused = (run_attempt(model, loop + TELL, decoys=OFTEN) for loop in (TRAIN, REUSE))
    for result in (plain, reused):
        check_sums(result)
        check_cuts(result)
        assert "weights" in result.contestant_log
    assert {**completed(plain), "codeHash": ""} == {**completed(reused), "codeHash": ""}
    assert plain.contestant_log == reused.contestant_log


def test_dropout_is_reused_with_the_masks_that_were_scored_and_new_ones_every_batch() -> None:
    loop = REUSE.replace(
        "        optimizer.zero_grad()\n",
        "        assert model.training and logits.requires_grad\n"
        "        masks.append(torch.random.get_rng_state().numpy().tobytes())\n        optimizer.zero_grad()\n",
    ).replace("    optimizer =", "    masks = []\n    optimizer =")
    loop += "    assert len(set(masks)) == len(masks) > 70\n"
    seldom, often = (run_attempt(loop=loop, decoys=decoys) for decoys in ({}, OFTEN))
    check_sums(seldom)
    assert seldom.record_bytes == often.record_bytes
    assert all(max(frame["largest"]) == 0 for frame in check_cuts(often)["frames"])
    assert completed(seldom)["totals"]["microNats"] != completed(run_attempt())["totals"]["microNats"]


@pytest.mark.parametrize("change", ["self.calls += 1", "self.calls = self.calls + 1"], ids=["in place", "replaced"])
def test_buffers_keep_what_the_true_frame_did_to_them_and_nothing_of_the_decoys(change: str) -> None:
    model = architecture(
        f"{change}; return torch.zeros(*tokens.shape, self.vocab) + self.weight * self.calls.detach().clone()"
    )
    loop = """
def train(ctx):
    model = ctx.build_model()
    for count, batch in enumerate(ctx.iter_train_batches(model, batch_size=4, seq_len=64, reuse_forward=True), 1):
        assert model.calls.item() == count
        batch.logits.sum().backward()
        assert model.weight.grad is not None
    assert count > 70
"""
    check_cuts(run_attempt(model, loop, decoys=OFTEN))


def test_graphs_of_decoys_are_dropped_and_without_reuse_there_is_none() -> None:
    model = (
        architecture(
            "out = torch.zeros(*tokens.shape, self.vocab) + self.weight; self.seen.append(weakref.ref(out)); return out"
        )
        .replace("import torch\n", "import torch, weakref\n")
        .replace("self.vocab = vocab", "self.vocab, self.seen = vocab, []")
    )
    loop = """
def train(ctx):
    model = ctx.build_model()
    for batch in ctx.iter_train_batches(model, batch_size=4, seq_len=64, reuse_forward=True):
        alive = None
        alive = [ref() for ref in model.seen if ref() is not None]
        assert len(alive) == 1 and alive[0] is batch.logits
        if batch.progress > 0.5:
            break
    for batch in ctx.iter_train_batches(model, batch_size=4, seq_len=64):
        assert batch.logits is None
    assert len(model.seen) > 150
"""
    check_cuts(run_attempt(model, loop, decoys={"framesPerBatch": 2}))


def test_a_wrapped_model_is_reused_under_torchrun() -> None:
    loop = REUSE.replace(
        "    model = ctx.build_model()\n",
        "    import torch.distributed as dist\n    dist.init_process_group(ctx.distributed_backend)\n"
        "    from torch.nn.parallel import DistributedDataParallel\n"
        "    model = DistributedDataParallel(ctx.build_model())\n",
    )
    result = run_attempt(loop=loop, command=under_torchrun(1), decoys=OFTEN)
    check_sums(result)
    check_cuts(result)
