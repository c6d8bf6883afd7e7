"""Whole held-out attempts for tests: the held-out referee, and its contestants one after the other."""

import contextlib
import hashlib
import io
import json
import os
import shutil
import signal
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from attempts import DECOYS, GRU, LIMITS, TRAIN, make_spec, write_json
from prism_runner import contestant, heldout, referee
from prism_runner.bundle import write_canonical

HELD_OUT = {
    "side": "val",
    "batchSize": 4,
    "seqLen": 64,
    "tokenBudget": 20_000,
    "bytes": 6_000,
    "cutKey": "ab" * 32,
    "cuts": 256,
    "equalityBoundMicroNats": 50_000,
    "resamples": 200,
}


@dataclass
class HeldOutRun:
    """What a held-out attempt left behind."""

    result: dict[str, Any]
    raw: bytes  # of the result
    stdout: str  # of the referee
    spec: dict[str, Any]


def run_held_out(
    state: Path, model: str = GRU, *, limits: Mapping[str, float] | None = None, spec: Any = None, **held_out: Any
) -> HeldOutRun:
    """One attempt to its end. Every contestant is a fork of this process, and waits for its own socket."""
    with tempfile.TemporaryDirectory(prefix="prism-") as name:
        home = Path(name)
        bundle = write_canonical({"architecture.py": model.encode(), "training.py": TRAIN.encode()})
        asked = {**HELD_OUT, **held_out}
        roles = range(3 if asked["side"] == "val" else 1)
        for folder in (
            "attempt/in",
            *(f"{kind}/{role}" for role in roles for kind in ("channel", "work", "artifacts")),
        ):
            (home / folder).mkdir(parents=True)
        asked["stateDigest"] = hashlib.sha256(state.read_bytes()).hexdigest()
        overrides = {"purpose": "heldOut", "split": asked["side"], "decoys": DECOYS, **(spec or {})}
        overrides["limits"] = {**LIMITS, **(limits or {})}
        asked_spec = {**make_spec(home, bundle, 1, overrides), "heldOut": asked}
        write_json(home / "attempt/in/spec.json", asked_spec)
        (home / "attempt/in/bundle").write_bytes(bundle)
        shutil.copy(state, home / "attempt/in/state.safetensors")
        children = [fork_contestant(home, role) for role in roles]
        said = io.StringIO()
        try:
            with contextlib.redirect_stdout(said):
                places = referee.Places(home / "attempt", home / "channel", home / "data", home / "tokenizers")
                assert heldout.run(places) == 0
        finally:
            for child in children:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
        out = home / "attempt/out"
        assert [path.name for path in out.iterdir()] == ["heldout.json"]
        raw = (out / "heldout.json").read_bytes()
        return HeldOutRun(json.loads(raw), raw, said.getvalue(), asked_spec)


def fork_contestant(home: Path, role: int) -> int:
    """A contestant whose log goes nowhere, as the executor has it."""
    child = os.fork()
    if child == 0:
        try:
            os.dup2(os.open("/dev/null", os.O_WRONLY), 2)
            contestant.run(contestant.Places(*(home / f"{kind}/{role}" for kind in ("channel", "work", "artifacts"))))
        finally:
            os._exit(0)
    return child
