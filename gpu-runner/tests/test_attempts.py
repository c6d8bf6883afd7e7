"""Honest bundles and honest mistakes, through both real processes."""

from typing import Any

import pytest

from attempts import CONTESTANT, GRU, TRAIN, Result, run_attempt, under_torchrun

LN_256 = 5_545_177

LOOP = """
def train(ctx):
    model = ctx.build_model()
    for batch in ctx.iter_train_batches(model, batch_size=4, seq_len=64):
        pass
"""


FIT = """
def fit(ctx):
    import random, sys
    random.randint(1, 2)
    from src.model import build_model
    assert build_model(ctx).vocab == 256
    assert sys.modules["src.model"].build_model is build_model
    next(ctx.iter_train_batches(ctx.build_model(), batch_size=1, seq_len=16))
"""


def architecture(forward: str) -> str:
    """A model without training whose forward is given."""
    return f"""
import torch
from torch import nn

class Model(nn.Module):
    def __init__(self, vocab):
        super().__init__()
        self.vocab = vocab
        self.weight = nn.Parameter(torch.zeros(vocab))
        self.register_buffer("calls", torch.zeros(1))

    def forward(self, tokens):
        {forward}

def build_model(ctx):
    return Model(ctx.vocab_size)
"""


ZEROS = architecture("return torch.zeros(*tokens.shape, self.vocab) + self.weight")


def completed(result: Result) -> dict[str, Any]:
    assert result.outcome == {"kind": "completed"}, (result.outcome, result.contestant_log)
    assert result.record is not None
    return result.record


def check_sums(result: Result) -> None:
    """Whatever adds up for an auditor."""
    record, totals = completed(result), completed(result)["totals"]
    batches, groups, remainder = record["batches"], record["groups"], record["remainder"]
    firsts = sum(batch["firstTokens"] for batch in batches)
    charged = sum(batch["microNats"] for batch in batches)
    assert charged == sum(group["microNats"] for group in groups) + firsts * LN_256
    assert totals["microNats"] == charged + remainder["microNats"]
    assert totals["laneFirstTokens"] == firsts
    predicted = sum(batch["rows"] * (batch["length"] - 1) for batch in batches)
    assert totals["predictedTokens"] == predicted == sum(group["positions"] for group in groups)
    assert all(group["positions"] >= 1024 for group in groups[:-1])
    assert totals["coveredBytes"] == batches[-1]["coveredBytes"] + remainder["bytes"]
    assert totals["coveredBytes"] + totals["uncoveredBytes"] == record["streamBytes"]
    metrics = result.manifest["metrics"]
    assert metrics["sum_neg_log_likelihood_nats"] == totals["microNats"] / 1e6
    assert metrics["covered_bytes"] == totals["coveredBytes"]


def test_what_an_attempt_committed_to_outlives_it_and_is_what_the_next_one_shows() -> None:
    leaves = TRAIN + "        if batch.progress > 0.5:\n            import os; os._exit(1)\n"
    whole, broken = run_attempt(), run_attempt(loop=leaves)
    groups = [group["logits"] for group in completed(whole)["groups"]]
    header, *digests = broken.commitments
    assert broken.outcome["kind"] == "lost"
    provenance = {name: whole.manifest["provenance"][name] for name in ("runnerDigest", "platform")}
    assert header == {"schema": "prism_commitments.v1", **provenance}
    assert 0 < len(digests) < len(groups)
    assert digests == groups[: len(digests)]
    assert [header, *groups] == list(whole.commitments)


def test_an_honest_run_learns_and_every_sum_holds_and_two_runs_are_the_same_bytes() -> None:
    first, second = (run_attempt(command=CONTESTANT, own_process=True) for _ in range(2))
    check_sums(first)
    assert first.record_bytes == second.record_bytes
    assert first.manifest["recordDigest"] == second.manifest["recordDigest"]
    metrics = first.manifest["metrics"]
    assert metrics["step0_loss"] == pytest.approx(5.5, abs=0.2)
    assert metrics["online_loss"][-1] < 0.5 * metrics["online_loss"][0]
    assert first.manifest["deterministic"] is True
    assert first.manifest["stoppedByClock"] is False
    assert first.manifest["compute"]["parameters"] == 256 * 32 + 3 * 64 * (32 + 64 + 2) + 65 * 256


def test_under_torchrun_a_process_group_can_be_made() -> None:
    loop = TRAIN.replace(
        "    model = ctx.build_model()\n",
        "    import torch.distributed as dist\n    dist.init_process_group(ctx.distributed_backend)\n"
        "    from torch.nn.parallel import DistributedDataParallel\n"
        "    assert (dist.get_world_size(), dist.get_rank(), ctx.rank, ctx.local_rank) == (1, 0, 0, 0)\n"
        "    model = DistributedDataParallel(ctx.build_model())\n",
    )
    check_sums(run_attempt(loop=loop, command=under_torchrun(1)))


def test_equal_logits_cost_eight_bits_a_byte_in_either_dtype() -> None:
    narrow = architecture("return torch.zeros(*tokens.shape, self.vocab, dtype=torch.bfloat16)")
    for model in (ZEROS, narrow):
        record = completed(run_attempt(model, LOOP))
        assert record["totals"]["microNats"] == record["totals"]["coveredBytes"] * LN_256


def test_another_batch_size_cuts_anew_and_a_short_run_leaves_bytes_uncovered() -> None:
    training = """
def train(ctx):
    model = ctx.build_model()
    seen = []
    first = ctx.iter_train_batches(model, batch_size=4, seq_len=64)
    seen.append(next(first))
    again = ctx.iter_train_batches(model, batch_size=4, seq_len=32)
    seen.append(next(again))
    try:
        next(first)
    except Exception as error:
        print("dead:", error)
    for count, batch in enumerate(ctx.iter_train_batches(model, batch_size=9, seq_len=16)):
        seen.append(batch)
        if count == 2:
            break
    assert [tuple(b.tokens.shape) for b in seen] == [(4, 64), (4, 32)] + 3 * [(9, 16)]
    assert (seen[1].tokens[:, 0] == seen[0].tokens[:, -1]).all()
    assert [b.progress for b in seen] == sorted(b.progress for b in seen)
"""
    result = run_attempt(ZEROS, training)
    check_sums(result)
    record = completed(result)
    assert [batch["firstTokens"] for batch in record["batches"]] == [4, 0, 9, 0, 0]
    assert record["totals"]["coveredBytes"] == 4 * 64 + 4 * 31 + 9 * (16 + 15 + 15)
    assert "dead: this iterator is dead" in result.contestant_log


def test_ctx_has_every_field_of_the_contract() -> None:
    training = """
from prism_challenge.evaluator.interface import PrismBatch, PrismContext

def train(ctx):
    assert isinstance(ctx, PrismContext)
    assert (ctx.vocab_size, ctx.max_seq_len, ctx.sequence_length, ctx.max_layers) == (256, 128, 128, 96)
    assert (ctx.max_params, ctx.max_parameters, ctx.seed, ctx.device) == (150_000_000, 150_000_000, 1337, "cpu")
    assert (ctx.world_size, ctx.rank, ctx.local_rank, ctx.distributed_backend) == (1, 0, 0, "gloo")
    paths = (ctx.artifacts_dir, ctx.data_dir, ctx.reference_tokenizer_dir, ctx.resume_checkpoint_dir)
    assert all(isinstance(path, str) for path in paths)
    assert (ctx.token_budget, ctx.step_budget, ctx.budget_seconds) == (20_000, 20, 90.0)
    assert (ctx.is_resume, ctx.attempt) == (False, 1)
    import os, torch
    assert os.listdir(ctx.data_dir) == os.listdir(ctx.reference_tokenizer_dir) == []
    open(ctx.artifacts_dir + "/scratch", "w").close()
    handle = ctx.reference_tokenizer("bytes")
    assert (handle.name, handle.vocab_size) == ("bytes", 256)
    print("to stdout")
    batch = next(ctx.iter_train_batches(ctx.build_model(), batch_size=1, seq_len=16, tokenizer=handle))
    assert isinstance(batch, PrismBatch) and batch.tokens.dtype == torch.int64
"""
    completed(run_attempt(ZEROS, training))


def test_modules_of_the_bundle_import_each_other_and_shadow_nothing() -> None:
    files = {
        "src/model.py": "import layers.core\nfrom sibling import name\nbuild_model = layers.core.build",
        "src/sibling.py": "name = 'sibling'",
        "layers/__init__.py": "",
        "layers/core.py": "from .inner import Model\ndef build(ctx):\n    return Model(ctx.vocab_size)",
        "layers/inner.py": ZEROS,
        "torch.py": "raise SystemExit('shadowed torch')",
        "random.py": FIT,
    }
    result = run_attempt(
        files=files,
        architecture={"entrypoint": "src/model.py", "symbol": "build_model"},
        training={"entrypoint": "random.py", "symbol": "fit"},
    )
    completed(result)


def test_predictions_leave_generators_buffers_and_modes_as_they_were() -> None:
    noisy = architecture(
        "self.calls += 1; torch.rand(3); assert not self.training and not torch.is_grad_enabled();"
        " return torch.zeros(*tokens.shape, self.vocab) + self.weight"
    )
    training = """
import random, numpy, torch

def train(ctx):
    model = ctx.build_model()
    calls = model.calls
    expected = torch.Generator().manual_seed(ctx.seed)
    torch.manual_seed(ctx.seed)
    for count, batch in enumerate(ctx.iter_train_batches(model, batch_size=4, seq_len=64)):
        assert torch.equal(torch.rand(2), torch.rand(2, generator=expected))
        assert model.training and model.calls.item() == 0
    assert count > 50 and calls.item() == 1
"""
    completed(run_attempt(noisy, training))


def test_a_tokenizer_that_the_bundle_declares_is_used_and_named_by_its_path() -> None:
    """Merges of `th`, `the`, ` the` and `é`'s bytes; the model's vocabulary is its own."""
    declared = '{"schema": "prism_bpe.v1", "merges": [[116, 104], [256, 101], [32, 257], [195, 169]]}'
    loop = LOOP.replace(
        "    for",
        "    assert ctx.vocab_size == 260\n"
        "    handle = ctx.reference_tokenizer('words/tokens.json')\n"
        "    assert (handle.name, handle.vocab_size) == ('words/tokens.json', 260)\n    for",
    ).replace("seq_len=64", "seq_len=32, tokenizer=handle")
    own = {"bpe": {"path": "words/tokens.json"}}
    result = run_attempt(ZEROS, loop, files={"words/tokens.json": declared}, tokenizer=own)
    record = completed(result)
    assert (record["tokenizer"], record["vocab"]) == ("words/tokens.json", 260)
    assert record["totals"]["coveredBytes"] + record["totals"]["uncoveredBytes"] == record["streamBytes"]
    assert record["streamTokens"] < 0.9 * record["streamBytes"]


def test_a_tokenizer_that_isn_t_there_is_a_contract_failure() -> None:
    outcome = run_attempt(ZEROS, LOOP, tokenizer={"bpe": {"path": "tokens.json"}}).outcome
    assert (outcome["verdict"], outcome["where"]) == ("contract", None)
    assert "tokens.json" in outcome["message"]


GPT2 = "=64, tokenizer=ctx.reference_tokenizer('gpt2')"
FAILURES = [
    ("wrong shape", architecture("return torch.zeros(*tokens.shape, 1)"), LOOP, "contract", "shape (4, 64, 1)"),
    ("tuple", architecture("return torch.zeros(*tokens.shape, self.vocab), None"), LOOP, "contract", "returned tuple"),
    ("dict", architecture("return {'logits': 0}"), LOOP, "contract", "returned dict"),
    ("integers", architecture("return torch.zeros(*tokens.shape, 256).long()"), LOOP, "contract", "torch.int64"),
    ("nan", architecture("return torch.full((*tokens.shape, 256), float('nan'))"), LOOP, "nan", "4 batches"),
    ("no module", "def build_model(ctx):\n    return 3", LOOP, "contract", "returned int"),
    ("no symbol", ZEROS, "x = 1", "contract", "no callable 'train'"),
    ("no callable", "build_model = 1", LOOP, "contract", "no callable 'build_model'"),
    ("never opened", ZEROS, "def train(ctx):\n    ctx.build_model()", "contract", "never opened"),
    ("long rows", ZEROS, LOOP.replace("64", "513"), "contract", "seq_len must be between 16 and 512"),
    ("short rows", ZEROS, LOOP.replace("64", "15"), "contract", "seq_len must be between 16 and 512"),
    ("large batch", ZEROS, LOOP.replace("=4", "=5"), "contract", "over the bound of 312"),
    ("odd batch", ZEROS, LOOP.replace("=4", "='x'"), "contract", "batch_size must be an integer"),
    ("tokenizer", ZEROS, LOOP.replace("=64", GPT2), "contract", "'gpt2' differs from the manifest's, 'bytes'"),
    ("own tokenizer", ZEROS, LOOP.replace("=64", "=64, tokenizer=len"), "contract", "reference_tokenizer"),
    ("exception", ZEROS, LOOP.replace("pass", "1 / 0"), "exception", "ZeroDivisionError: division by zero"),
    ("exit", ZEROS, LOOP.replace("pass", "raise SystemExit(0)"), "exception", "SystemExit: 0"),
    ("syntax", ZEROS, "def train(ctx):\n    return (", "exception", "SyntaxError"),
]  # fmt: skip
CASES = {name: rest for name, *rest in FAILURES}


@pytest.mark.parametrize(("build", "loop", "verdict", "message"), CASES.values(), ids=CASES)
def test_what_a_bundle_does_wrong_is_named(build: str, loop: str, verdict: str, message: str) -> None:
    result = run_attempt(build, loop)
    assert (result.outcome["kind"], result.outcome["verdict"]) == ("failed", verdict), result.contestant_log
    assert message in result.outcome["message"]
    assert result.record is None
    assert result.manifest["recordDigest"] is None


def test_the_place_of_an_exception_is_the_innermost_line_of_the_bundle() -> None:
    outcome = run_attempt(ZEROS, LOOP.replace("pass", "import torch; torch.zeros(2).view(3)")).outcome
    assert outcome["where"] == "training.py:5"


def test_three_batches_without_a_distribution_are_charged_and_reported() -> None:
    loop = LOOP.replace("pass", "model.weight.data.fill_(float('nan') if batch.progress < 0.03 else 0)")
    result = run_attempt(ZEROS, loop)
    completed(result)
    assert result.manifest["anti_cheat"]["nan_inf_detected"] is True


def test_more_parameters_and_buffers_than_the_cap_are_refused_also_when_lazy() -> None:
    limits = {"maxParameters": 600}
    wide = ZEROS.replace("torch.zeros(1)", "torch.zeros(400)")
    assert run_attempt(wide, LOOP, limits=limits).outcome["verdict"] == "parameterCap"
    lazy = ZEROS.replace("nn.Parameter(torch.zeros(vocab))", "nn.LazyLinear(vocab)").replace(
        "+ self.weight", "+ self.weight(torch.zeros(2))"
    )
    assert run_attempt(lazy, LOOP, limits=limits).outcome["verdict"] == "parameterCap"


def test_the_clock_ends_the_stream_and_the_run_is_still_complete() -> None:
    loop = LOOP.replace("pass", "import time; time.sleep(0.3)")  # the bundle is slow; nothing here waits for it
    result = run_attempt(ZEROS, loop, limits={"budgetSeconds": 2})
    check_sums(result)
    assert result.manifest["stoppedByClock"] is True
    assert completed(result)["totals"]["uncoveredBytes"] > 0


def test_a_model_that_never_answers_is_a_timeout() -> None:
    forever = architecture("import threading; threading.Event().wait()")
    assert run_attempt(forever, LOOP, limits={"frameSeconds": 1}).outcome["verdict"] == "timeout"


def test_a_process_that_dies_is_lost() -> None:
    result = run_attempt(ZEROS, LOOP.replace("pass", "import os; os._exit(0)"))
    assert result.outcome["kind"] == "lost"


def test_an_operation_without_a_deterministic_form_is_reported() -> None:
    loop = LOOP.replace("pass", "import torch; torch.zeros(5).put_(torch.tensor([0, 0]), torch.tensor([1., 2.]))")
    result = run_attempt(GRU, loop)
    completed(result)
    assert result.manifest["deterministic"] is False
