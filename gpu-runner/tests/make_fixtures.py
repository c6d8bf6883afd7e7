"""Writes fixtures/{spec,record,cuts,manifest}.json and bundle from one honest attempt, the same files of one that is
scored by a sample of rows (sampled/), of one that looks ahead (convicted/) and of one that hands over its state
(exported/); that state's held-out results (heldout/<name>.json beside <name>.spec.json); and fixtures/decoys.json.

    PYTHONPATH=.:tests python3 tests/make_fixtures.py

The TypeScript side's tests read them too. Digests and costs are of this machine's platform: the files must agree
with each other, not with the next machine's numbers. decoys.json is the same on every machine.
"""

import json
from pathlib import Path

import numpy

from attempts import CONTESTANT, GRU, TRAIN, Result, run_attempt
from heldout_attempts import run_held_out
from prism_runner.bundle import write_canonical
from prism_runner.decoys import Placement, decoy_cuts, decoy_tokens

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures"

BACKWARDS = GRU.replace("batch_first=True", "batch_first=True, bidirectional=True").replace("Linear(64", "Linear(128")

SHAPES = [(3, 5, 900), (3, 5, 20), (3, 5, 20), (1, 2, 1), (1, 2, 1), (2, 8, 300), (2, 8, 300), (4, 3, 700)]


def decoys() -> dict[str, object]:
    """Decoys of a few batches (rows, length, newly covered bytes) of made-up tokens."""
    key = bytes(range(100, 132))
    placement = Placement(key, 8000, 0.25)
    batches: list[object] = []
    for index, (rows, length, new_bytes) in enumerate(SHAPES):
        true = (numpy.arange(rows * length) + 10 * index).reshape(rows, length)
        cuts = decoy_cuts(key, index, placement.take(new_bytes, rows), rows, length)
        frames = [
            {"cuts": frame_cuts.tolist(), "tokens": decoy_tokens(key, index, frame, 300, frame_cuts, true).tolist()}
            for frame, frame_cuts in enumerate(cuts)
        ]
        batches.append({"rows": rows, "length": length, "bytes": new_bytes, "tokens": true.tolist(), "frames": frames})
    policy = {"cutKey": key.hex(), "cutsPerMegabyte": 8000, "framesPerBatch": 0.25, "vocab": 300}
    return {**policy, "batches": batches}


def write(folder: Path, result: Result) -> None:
    """The files of one attempt; a record only where there is one."""
    folder.mkdir(exist_ok=True)
    (folder / "spec.json").write_text(json.dumps(result.spec, indent=2) + "\n")
    (folder / "manifest.json").write_bytes(result.manifest_bytes)
    (folder / "cuts.json").write_bytes(result.cuts_bytes or b"")
    if result.record_bytes is not None:
        (folder / "record.json").write_bytes(result.record_bytes)


def write_held_out(folder: Path, state: Path, released: list[list[int]]) -> None:
    """What held-out runs of a state come to: measured on both sides, and by two kinds of contestant's fault."""
    folder.mkdir(exist_ok=True)
    runs = {
        "val": run_held_out(state),
        "train": run_held_out(state, side="train", released=released),
        "crashed": run_held_out(state, GRU + CRASH),
        "disagreed": run_held_out(state, GRU + AHEAD),
    }
    for name, run in runs.items():
        (folder / f"{name}.json").write_bytes(run.raw)
        (folder / f"{name}.spec.json").write_text(json.dumps(run.spec, indent=2) + "\n")


CRASH = "\ndef crash(*_):\n    raise RuntimeError('on purpose')\n\nTiny.forward = crash\n"
AHEAD = """
honest = Tiny.forward

def ahead(self, tokens):
    return honest(self, tokens) + 3 * nn.functional.one_hot(tokens.roll(-1, 1), 256)

Tiny.forward = ahead
"""

if __name__ == "__main__":
    write(FIXTURES, run_attempt(command=CONTESTANT, own_process=True))
    bundle = write_canonical({"architecture.py": GRU.encode(), "training.py": TRAIN.encode()})
    (FIXTURES / "bundle").write_bytes(bundle)
    write(FIXTURES / "sampled", run_attempt(fraction=0.5, own_process=True))
    write(FIXTURES / "convicted", run_attempt(BACKWARDS, purpose="rerun", own_process=True))
    exported = run_attempt(exportState=True, seedAudit=True, own_process=True)
    write(FIXTURES / "exported", exported)
    assert exported.state is not None
    write_held_out(FIXTURES / "heldout", exported.state, exported.manifest["export"]["released"])
    (FIXTURES / "decoys.json").write_text(json.dumps(decoys()) + "\n")
