"""Writes fixtures/{spec,record,cuts,manifest}.json and bundle from one honest attempt, and fixtures/decoys.json.

    PYTHONPATH=.:tests python3 tests/make_fixtures.py

The TypeScript side's tests read them too. Digests and costs are of this machine's platform: the files must agree
with each other, not with the next machine's numbers. decoys.json is the same on every machine.
"""

import json
from pathlib import Path

import numpy

from attempts import CONTESTANT, GRU, TRAIN, run_attempt
from prism_runner.bundle import write_canonical
from prism_runner.decoys import Placement, decoy_cuts, decoy_tokens

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures"

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


if __name__ == "__main__":
    result = run_attempt(command=CONTESTANT, own_process=True)
    bundle = write_canonical({"architecture.py": GRU.encode(), "training.py": TRAIN.encode()})
    (FIXTURES / "spec.json").write_text(json.dumps(result.spec, indent=2) + "\n")
    (FIXTURES / "bundle").write_bytes(bundle)
    (FIXTURES / "record.json").write_bytes(result.record_bytes or b"")
    (FIXTURES / "cuts.json").write_bytes(result.cuts_bytes or b"")
    (FIXTURES / "manifest.json").write_bytes(result.manifest_bytes)
    (FIXTURES / "decoys.json").write_text(json.dumps(decoys()) + "\n")
