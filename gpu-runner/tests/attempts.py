"""Whole attempts for tests: a referee and a contestant as two real processes on a small stream."""

import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from prism_runner import contestant, referee
from prism_runner.bundle import write_canonical

RUNNER = Path(__file__).resolve().parent.parent
PYTHON = [sys.executable, "-P", "-s", "-B"]
CONTESTANT = ["-m", "prism_runner", "contestant"]
TORCHRUN = ["-m", "torch.distributed.run", "--standalone", "--local-addr=127.0.0.1", "--nnodes=1"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(RUNNER), "OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}
ENVIRONMENT |= {"GLOO_SOCKET_IFNAME": "lo"}
WORDS = ["the", "of", "and", "to", "in", "that", "he", "shall", "unto", "for", "lord", "they", "be", "is", "him"]

GRU = """
import torch
from torch import nn
from prism_challenge.evaluator.interface import PrismContext

ARCHITECTURE_NAME = "Tiny GRU"

class Tiny(nn.Module):
    def __init__(self, vocab):
        super().__init__()
        self.embed = nn.Embedding(vocab, 32)
        self.gru = nn.GRU(32, 64, batch_first=True)
        self.drop = nn.Dropout(0.1)
        self.head = nn.Linear(64, vocab)

    def forward(self, tokens):
        return self.head(self.drop(self.gru(self.embed(tokens))[0]))

def build_model(ctx: PrismContext):
    return Tiny(ctx.vocab_size)
"""

TRAIN = """
import torch
from torch.nn.functional import cross_entropy

def train(ctx):
    model = ctx.build_model()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for batch in ctx.iter_train_batches(model, batch_size=4, seq_len=64):
        logits = model(batch.tokens)
        loss = cross_entropy(logits[:, :-1].flatten(0, 1), batch.tokens[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""


def under_torchrun(processes: int) -> list[str]:
    return [*TORCHRUN, f"--nproc-per-node={processes}", *CONTESTANT]


LIMITS = {
    "maxParameters": 150_000_000,
    "maxSeqLen": 512,
    "defaultSeqLen": 128,
    "maxLayers": 96,
    "maxBatchTokens": 65_536,
    "budgetSeconds": 120,
    "shownBudgetSeconds": 90,
    "graceSeconds": 20,
    "frameSeconds": 30,
    "connectSeconds": 60,
    "setupSeconds": 60,
}

DECOYS = {"cutKey": "c7" * 32, "cutsPerMegabyte": 1000, "framesPerBatch": 0.25, "equalityBoundMicroNats": 50_000}


@dataclass
class Result:
    """What an attempt left behind."""

    manifest: dict[str, Any]
    manifest_bytes: bytes
    record: dict[str, Any] | None
    record_bytes: bytes | None
    cuts: dict[str, Any] | None
    cuts_bytes: bytes | None
    contestant_log: str
    spec: dict[str, Any]
    state: Path | None = None  # a copy of state.safetensors
    commitments: tuple[Any, ...] = ()  # the lines of commitments.jsonl

    @property
    def outcome(self) -> dict[str, Any]:
        return dict(self.manifest["outcome"])


def make_data(folder: Path, split: str = "train", documents: int = 60, words: int = 120) -> str:
    """A locked split of seeded nonsense with a few wide characters; returns the manifest's digest."""
    source = random.Random(7)
    shards = []
    (folder / split).mkdir(parents=True)
    for number in range(2):
        lines, ids = [], [f"doc-{number}-{index:03}" for index in range(documents // 2)]
        for name in ids:
            text = " ".join(source.choice(WORDS) for _ in range(words)) + " — Ωmega, 日本.\n"
            lines.append(json.dumps({"id": name, "text": text}, ensure_ascii=False))
        raw = ("\n".join(lines) + "\n").encode()
        path = f"{split}/{number:05}.jsonl"
        (folder / path).write_bytes(raw)
        digest = hashlib.sha256(raw).hexdigest()
        shards.append({"path": path, "sha256": digest, "bytes": len(raw), "documents": len(lines)})
    manifest = {"schema": "prism_locked_data.v1", "splits": {split: {"shards": shards}}}
    return write_json(folder / "MANIFEST.json", manifest)


def make_tokenizers(folder: Path) -> str:
    """The tables of PRISM_TOKENIZERS where there are any, else an empty list; returns the manifest's digest."""
    given = os.environ.get("PRISM_TOKENIZERS")
    if given:
        shutil.copytree(given, folder)
        return hashlib.sha256((folder / "MANIFEST.json").read_bytes()).hexdigest()
    folder.mkdir()
    return write_json(folder / "MANIFEST.json", {"schema": "prism_tokenizers.v1", "files": []})


def write_json(path: Path, value: object) -> str:
    raw = json.dumps(value).encode()
    path.write_bytes(raw)
    return hashlib.sha256(raw).hexdigest()


def run_attempt(
    model: str = GRU,
    loop: str = TRAIN,
    *,
    files: dict[str, str] | None = None,
    limits: Mapping[str, float] | None = None,
    decoys: Mapping[str, object] | None = None,
    fraction: float = 1,
    command: list[str] | None = None,
    own_process: bool = False,
    **overrides: Any,
) -> Result:
    """Run one attempt to its end and read what the referee wrote.

    The referee runs in this process or in one of its own. The contestant is a fork of this process, which spares
    importing torch once more, or a new one that Python is told to run with the arguments in `command`.
    """
    with tempfile.TemporaryDirectory(prefix="prism-") as name:
        home = Path(name)
        sources = {"architecture.py": model, "training.py": loop, **(files or {})}
        bundle = write_canonical({path: text.encode() for path, text in sources.items()})
        for folder in ("attempt/in", "channel", "work", "artifacts"):
            (home / folder).mkdir(parents=True)
        changes = {"decoys": {**DECOYS, **(decoys or {})}, "limits": {**LIMITS, **(limits or {})}}
        spec = make_spec(home, bundle, fraction, {**overrides, **changes})
        (home / "attempt/in/bundle").write_bytes(bundle)
        write_json(home / "attempt/in/spec.json", spec)
        with open(home / "contestant.log", "wb") as log:
            running = contestant_process(home, command, log) if command else contestant_fork(home, log)
            with running:
                referee_process(home) if own_process else referee_here(home)
        return read_result(home, spec)


def make_spec(home: Path, bundle: bytes, fraction: float, overrides: dict[str, Any]) -> dict[str, Any]:
    return {
        "schema": "prism_run_spec.v2",
        "submissionId": "sub-1",
        "run": "run-1",
        "purpose": "score",
        "attempt": 1,
        "fencingToken": 3,
        "codeHash": hashlib.sha256(bundle).hexdigest(),
        "runnerDigest": "0" * 64,
        "dataDigest": make_data(home / "data", overrides.pop("split", "train")),
        "tokenizersDigest": make_tokenizers(home / "tokenizers"),
        "seed": 1337,
        "seasonSecret": "5ea50000",
        "streamBytes": 20_000,
        "tokenizer": "bytes",
        "architecture": {"entrypoint": "architecture.py", "symbol": "build_model"},
        "training": {"entrypoint": "training.py", "symbol": "train"},
        "device": "cpu",
        "worldSize": 1,
        "backend": "gloo",
        "threads": 1,
        "exportState": False,
        "rows": {"key": "0b" * 32, "fraction": fraction},
        **overrides,
    }


@contextmanager
def contestant_process(home: Path, command: list[str], log: IO[bytes]) -> Iterator[None]:
    """The contestant, killed once the referee is done, as the executor would."""
    places = ["--channel-dir", home / "channel", "--work-dir", home / "work", "--artifacts-dir", home / "artifacts"]
    process = subprocess.Popen([*PYTHON, *command, *map(str, places)], env=ENVIRONMENT, stdout=log, stderr=log)
    try:
        yield
    finally:
        process.kill()
        process.wait()


@contextmanager
def contestant_fork(home: Path, log: IO[bytes]) -> Iterator[None]:
    child = os.fork()
    if child == 0:
        os.dup2(log.fileno(), 2)
        try:
            sys.stdout = sys.stderr = os.fdopen(2, "w", 1, closefd=False)  # in place of pytest's own
            contestant.run(contestant.Places(home / "channel", home / "work", home / "artifacts"))
        finally:
            os._exit(0)
    try:
        yield
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def referee_here(home: Path) -> None:
    assert referee.run(referee.Places(home / "attempt", home / "channel", home / "data", home / "tokenizers")) == 0


def referee_process(home: Path) -> None:
    places = ["--attempt-dir", home / "attempt", "--channel-dir", home / "channel", "--data-dir", home / "data"]
    places += ["--tokenizers-dir", home / "tokenizers"]
    command = [*PYTHON, "-m", "prism_runner", "referee", *map(str, places)]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, timeout=240)
    assert done.returncode == 0, done.stderr.decode()
    events = [json.loads(line)["event"] for line in done.stdout.splitlines()]
    assert events[events[0] == "imageHeld" :][:2] == ["ready", "connected"]
    assert events[-1] == "done"


def read_result(home: Path, spec: dict[str, Any]) -> Result:
    out = home / "attempt/out"
    assert sorted(path.name for path in out.iterdir() if path.name.startswith(".")) == []
    assert list((home / "channel").iterdir()) == [], "the listener is unlinked"
    record, cuts = (read_if_there(out / name) for name in ("record.json", "cuts.json"))
    manifest = (out / "prism_run_manifest.v2.json").read_bytes()
    log = (home / "contestant.log").read_text(errors="replace")
    state = kept_copy(out / "state.safetensors")
    lines = (read_if_there(out / "commitments.jsonl") or b"").splitlines()
    commitments = tuple(json.loads(line) for line in lines)
    documents = (json.loads(manifest), manifest, parsed(record), record, parsed(cuts), cuts)
    return Result(*documents, log, spec, state, commitments)


def read_if_there(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None


def parsed(raw: bytes | None) -> dict[str, Any] | None:
    return None if raw is None else json.loads(raw)


def kept_copy(path: Path) -> Path | None:
    """The file beside others that outlive their attempt; None where there is none."""
    if not path.exists():
        return None
    copy = Path(tempfile.mkdtemp(prefix="prism-kept-")) / path.name
    shutil.copy(path, copy)
    return copy
