"""What one look at a bundle's model says: how large it is once realised, and where it goes wrong."""

import base64
import json
import re
import subprocess
import tempfile
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from attempts import ENVIRONMENT, GRU, PYTHON, TRAIN
from prism_runner import behaviour
from prism_runner.bundle import write_canonical
from prism_runner.probes import cut_rows, probe, random_tokens

CONTEXT = {
    "tokenizer": "bytes",
    "maxSeqLen": 32,
    "maxLayers": 96,
    "maxParameters": 1_000_000,
    "seed": 7,
    "device": "cpu",
    "worldSize": 1,
    "backend": "gloo",
    "threads": 1,
    "tokenBudget": 10_000,
    "budgetSeconds": 60,
}
GIBIBYTE = 1 << 30


def lines_of(
    architecture: str,
    training: str = TRAIN,
    cpu_seconds: int = 30,
    memory_bytes: int = 4 * GIBIBYTE,
    vocab: int | None = None,
    tokens: str = "",
    **ctx: object,
) -> list[Any]:
    """Every line that the container's program writes."""
    files = {"architecture.py": architecture.encode(), "training.py": training.encode(), "tokens.json": tokens.encode()}
    question = {
        "bundle": base64.b64encode(write_canonical(files)).decode(),
        "architecture": {"entrypoint": "architecture.py", "symbol": "build_model"},
        "training": {"entrypoint": "training.py", "symbol": "train"},
        "vocab": vocab,
        "ctx": {**CONTEXT, **ctx},
        "limits": {"cpuSeconds": cpu_seconds, "memoryBytes": memory_bytes},
    }
    with tempfile.TemporaryDirectory() as folder:
        places = [f"--{name}-dir={folder}" for name in ("work", "artifacts")]
        ended = subprocess.run(
            [*PYTHON, "-m", "prism_runner", "instantiation", *places],
            input=json.dumps(question).encode() + b"\n",
            capture_output=True,
            env=ENVIRONMENT,
            timeout=120,
        )
    assert ended.returncode == 0, ended.stderr.decode()
    return [json.loads(line) for line in ended.stdout.splitlines()]


def report_of(architecture: str, **more: Any) -> dict[str, Any]:
    ready, report = lines_of(architecture, **more)
    assert ready == {"event": "ready"}
    return dict(report)


def model(forward: str, init: str = "self.embed = nn.Embedding(vocab, vocab)", before: str = "") -> str:
    """An architecture with these lines; `forward` gets `tokens`."""
    return f"""
import time
import torch
from torch import nn
{before}
class Model(nn.Module):
    def __init__(self, vocab):
        super().__init__()
        {init}

    def forward(self, tokens):
        {forward}

def build_model(ctx):
    return Model(ctx.vocab_size)
"""


def test_an_honest_model_is_counted_and_probed() -> None:
    report = report_of(GRU)
    assert (report["stage"], report["failure"]) == ("done", None)
    assert (report["parameters"], report["buffers"]) == (43_648, 0)
    assert report["asked"] == {"rows": 2, "length": 32, "vocab": 256}
    assert report["output"] == {"type": "Tensor", "shape": [2, 32, 256], "dtype": "float32"}
    assert [(each["repeatMicroNats"], each["lookaheadMicroNats"]) for each in report["probes"]] == [(0, 0), (0, 0)]
    assert re.fullmatch("[0-9a-f]{64}", report["behaviour"])
    assert report["cpuSeconds"] > 0
    assert report["peakRssBytes"] > 1 << 20


def test_buffers_and_lazy_modules_count_with_the_shapes_that_the_first_forward_gives_them() -> None:
    lazy = model(
        "return self.head(self.embed(tokens))",
        "self.embed = nn.Embedding(vocab, 16); self.head = nn.LazyLinear(vocab); "
        "self.register_buffer('table', torch.zeros(3, 5), persistent=False)",
    )
    report = report_of(lazy)
    assert (report["parameters"], report["buffers"]) == (256 * 16 + 16 * 256 + 256, 15)
    assert report["stage"] == "done"


def test_a_model_is_asked_in_the_vocabulary_of_its_tokenizer() -> None:
    asks = model("return self.embed(tokens)")
    tokens = '{"schema":"prism_bpe.v1","merges":[[116,104],[256,101]]}'
    declared = report_of(asks, tokenizer={"bpe": {"path": "tokens.json"}}, tokens=tokens)
    assert (declared["stage"], declared["asked"]["vocab"]) == ("done", 258)
    llama = report_of(asks, tokenizer="llama", vocab=300)
    assert (llama["stage"], llama["asked"]["vocab"]) == ("done", 300)


def test_a_model_over_the_cap_is_asked_no_further() -> None:
    large = "return self.embed(tokens)"
    built = report_of(model(large), maxParameters=1_000)
    assert (built["stage"], built["parameters"], built["output"]) == ("build", 65_536, None)
    lazy = model(
        "return self.head(self.embed(tokens).repeat(1, 1, 40))",
        "self.embed = nn.Embedding(vocab, 4); self.head = nn.LazyLinear(vocab)",
    )
    realised = report_of(lazy, maxParameters=20_000)
    assert (realised["stage"], realised["parameters"]) == ("forward", 256 * 4 + 160 * 256 + 256)
    assert realised["probes"] == []


@pytest.mark.parametrize(
    ("architecture", "kind", "where", "words"),
    [
        ("import torch\n\nraise ValueError('at import')\n", "exception", "architecture.py:3", "ValueError: at import"),
        ("def build_model(ctx:\n", "exception", "architecture.py:1", "SyntaxError"),
        ("def build_model(ctx):\n    return 1 / 0\n", "exception", "architecture.py:2", "ZeroDivisionError"),
        ("def build_model(ctx):\n    return None\n", "contract", None, "torch.nn.Module"),
        ("def build_model(ctx):\n    raise SystemExit(0)\n", "exception", "architecture.py:2", "SystemExit"),
        (model("return self.embed(tokens)[:, :, 0] @ tokens"), "exception", "architecture.py:12", "RuntimeError"),
        (model("return torch.zeros(1 << 40)"), "memory", "architecture.py:12", "allocate memory"),
    ],
    ids=["import", "syntax", "build", "no model", "exit", "forward", "memory"],
)  # fmt: skip
def test_what_goes_wrong_is_named_with_its_line(architecture: str, kind: str, where: str | None, words: str) -> None:
    failure = report_of(architecture)["failure"]
    assert (failure["kind"], failure["where"]) == (kind, where)
    assert words in failure["message"]


def test_a_failure_says_no_more_than_a_report_may_hold() -> None:
    wordy = "def build_model(ctx):\n    raise ValueError('\\ud800' + 'é' * 100_000)\n"
    assert len(report_of(wordy)["failure"]["message"].encode()) <= 4096
    named = "def build_model(ctx):\n    return type('é' * 100_000, (), {})()\n"
    assert len(report_of(named)["failure"]["message"].encode()) <= 4096


def test_memory_is_counted_from_where_submitted_code_begins() -> None:
    filled = model("return self.embed(tokens)", "self.kept = torch.ones(300 << 18)", "")
    failure = report_of(filled + "\n", memory_bytes=256 << 20, maxParameters=1 << 40)["failure"]
    assert (failure["kind"], failure["where"]) == ("memory", "architecture.py:9")


@pytest.mark.parametrize(
    ("before", "init", "forward", "where", "stage"),
    [
        ("time.sleep(3600)", "pass", "pass", "architecture.py:5", "import"),
        ("", "time.sleep(3600)", "pass", "architecture.py:9", "build"),
        ("", "self.x = nn.Linear(1, 1)", "[torch.ones(300, 300) @ torch.ones(300, 300) for _ in range(10**9)]",
         "architecture.py:12", "forward"),
    ],
    ids=["sleeps at import", "sleeps in build_model", "computes in forward"],
)  # fmt: skip
def test_what_takes_too_long_is_named_with_its_line(
    before: str, init: str, forward: str, where: str, stage: str
) -> None:
    report = report_of(model(forward, init, before), cpu_seconds=1)
    assert report["stage"] == stage
    assert (report["failure"]["kind"], report["failure"]["where"]) == ("time", where)


def test_a_probe_that_takes_too_long_is_left_out() -> None:
    slower = model("self.calls += 1; time.sleep(3600 * (self.calls > 1)); return self.embed(tokens)",
                   "self.calls = 0; self.embed = nn.Embedding(vocab, vocab)")  # fmt: skip
    report = report_of(slower, cpu_seconds=1)
    assert (report["stage"], report["failure"], report["probes"]) == ("probes", None, [])
    assert report["output"]["shape"] == [2, 32, 256]


def test_a_model_made_for_the_shape_of_its_own_loop_is_asked_in_that() -> None:
    report = report_of(model("return self.embed(tokens.view(4, 64))"))
    assert (report["stage"], report["failure"]) == ("done", None)
    assert report["asked"] == {"rows": 4, "length": 64, "vocab": 256}


def test_a_loop_that_fails_too_leaves_the_first_failure() -> None:
    broken = model("return self.embed(tokens.view(4, 64))")
    failure = report_of(broken, training="def train(ctx):\n    raise KeyError(ctx)\n")["failure"]
    assert (failure["where"], "RuntimeError" in failure["message"]) == ("architecture.py:12", True)


@pytest.mark.parametrize(
    ("forward", "output"),
    [
        ("return self.embed(tokens)[:, 1:]", {"type": "Tensor", "shape": [2, 31, 256], "dtype": "float32"}),
        ("return self.embed(tokens).long()", {"type": "Tensor", "shape": [2, 32, 256], "dtype": "int64"}),
        ("return (self.embed(tokens),)", {"type": "tuple", "shape": None, "dtype": None}),
    ],
    ids=["too short", "integers", "a tuple"],
)
def test_an_answer_that_no_referee_takes_is_described(forward: str, output: dict[str, object]) -> None:
    report = report_of(model(forward))
    assert (report["stage"], report["output"], report["failure"]) == ("forward", output, None)


def behaviour_of(architecture: str, **more: Any) -> str | None:
    report = report_of(architecture, **more)
    assert (report["stage"], report["failure"]) == ("done", None)
    return None if report["behaviour"] is None else str(report["behaviour"])


MIXER = model(
    "return self.head(torch.tanh(self.mix(self.embed(tokens))))",
    "self.embed = nn.Embedding(vocab, 16); self.mix = nn.Linear(16, 16); self.head = nn.Linear(16, vocab)",
)


def test_a_model_behaves_the_same_whatever_it_is_called_and_whatever_seed_the_run_has() -> None:
    renamed = MIXER.replace("Model", "Other").replace("self.mix", "self.blend").replace("tokens", "symbols")
    assert behaviour_of(MIXER) == behaviour_of(renamed, seed=8) is not None
    drawn = MIXER.replace("class", "SCALE = torch.randn(1)\nclass", 1).replace("torch.tanh(", "torch.tanh(SCALE * ")
    assert behaviour_of(drawn, seed=1) == behaviour_of(drawn, seed=2) is not None
    seeded = MIXER.replace("Model(ctx", "torch.manual_seed(ctx.seed) and Model(ctx")
    assert behaviour_of(seeded, seed=1) == behaviour_of(MIXER)


@pytest.mark.parametrize(
    ("part", "another"),
    [("tanh", "relu"), ("nn.Linear(16, 16)", "nn.Linear(16, 16, bias=False)"),
     ("self.embed = ", "torch.rand(1); self.embed = ")],
    ids=["another function", "without a bias", "another initialisation"],
)  # fmt: skip
def test_another_model_behaves_differently(part: str, another: str) -> None:
    assert behaviour_of(MIXER) != behaviour_of(MIXER.replace(part, another)) is not None


def test_a_head_of_zeros_hides_nothing_of_what_stands_before_it() -> None:
    silent = MIXER.replace("nn.Linear(16, vocab)", "nn.Linear(16, vocab); nn.init.zeros_(self.head.weight)")
    silent = silent.replace("self.head.weight)", "self.head.weight); nn.init.zeros_(self.head.bias)")
    assert behaviour_of(silent) is not None
    assert behaviour_of(silent) != behaviour_of(silent.replace("tanh", "relu"))


def test_a_model_that_answers_all_alike_has_no_behaviour() -> None:
    assert behaviour_of(model("return torch.ones(*tokens.shape, 256)")) is None
    assert behaviour_of(model("return torch.full((*tokens.shape, 256), float('nan'))")) is None


def test_a_second_life_that_fails_proves_nothing_against_the_first() -> None:
    once = model("return self.embed(tokens)", before="import sys\nif hasattr(sys, 'been'): sys.exit(1)\nsys.been = 1")
    report = report_of(once)
    assert (report["stage"], report["failure"], report["behaviour"]) == ("done", None, None)


def test_noise_in_the_last_digits_leaves_the_behaviour_as_it_is() -> None:
    source = torch.Generator().manual_seed(2)
    for _ in range(20):
        logits = torch.randn(2, 32, 256, generator=source)
        noise = 1e-7 * torch.randn(logits.shape, generator=source)
        assert behaviour.digest_of(logits) == behaviour.digest_of(logits + noise)
        assert behaviour.digest_of(logits) == behaviour.digest_of(3 * logits + 1)
        assert behaviour.digest_of(logits) != behaviour.digest_of(logits.roll(1, 2))


def test_the_probe_is_the_same_for_everybody() -> None:
    assert behaviour.probe_tokens((2, 8), 256).tolist() == [
        [235, 172, 139, 4, 151, 57, 213, 192],
        [169, 253, 73, 68, 31, 122, 3, 167],
    ]


def test_what_it_prints_is_no_report() -> None:
    loud = model("print('{}', flush=True); return self.embed(tokens)")
    assert len(lines_of(loud)) == 2


class Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(50, 50)
        self.register_buffer("state", torch.zeros(2, 50))

    def forward(self, tokens: Tensor) -> Tensor:
        hidden: Tensor = self.embed(tokens) + self.state.unsqueeze(1)
        self.state = hidden[:, -2].detach()
        return hidden


def differences(model: nn.Module) -> tuple[int, int]:
    source = torch.Generator().manual_seed(1)
    seen = probe(model, random_tokens((2, 40), 50, source), 50, source)
    return seen.repeat_micro_nats, seen.lookahead_micro_nats


def test_a_state_in_buffers_is_put_back_before_each_forward() -> None:
    assert differences(Model()) == (0, 0)


def test_dropout_is_off() -> None:
    assert differences(nn.Sequential(Model(), nn.Dropout(0.5))) == (0, 0)


def test_a_forward_that_draws_for_itself_is_not_the_same_twice() -> None:
    class Drawing(Model):
        source = torch.Generator()

        def forward(self, tokens: Tensor) -> Tensor:
            return super().forward(tokens) + torch.randn(50, generator=self.source)

    repeat, _ = differences(Drawing())
    assert repeat > 50_000


def test_a_forward_that_sees_the_next_token_is_not_the_same_before_the_cut() -> None:
    class Peeking(Model):
        def forward(self, tokens: Tensor) -> Tensor:
            return super().forward(tokens).roll(-1, 1)

    repeat, lookahead = differences(Peeking())
    assert repeat == 0
    assert lookahead > 50_000


def test_every_token_from_a_rows_cut_on_is_another() -> None:
    source = torch.Generator().manual_seed(3)
    tokens = random_tokens((64, 20), 2, source)
    changed, cuts = cut_rows(tokens, 2, source)
    assert torch.equal(changed != tokens, torch.arange(20) >= cuts)
    assert (int(cuts.min()) >= 1, int(cuts.max()) <= 19) == (True, True)
