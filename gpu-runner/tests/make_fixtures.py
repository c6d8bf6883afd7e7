"""Writes fixtures/{spec.json,bundle,record.json,manifest.json} from one honest attempt.

    PYTHONPATH=. python3 tests/make_fixtures.py

The TypeScript side's tests read them too. Digests and costs are of this machine's platform: the files must agree
with each other, not with the next machine's numbers.
"""

import json
from pathlib import Path

from attempts import CONTESTANT, GRU, TRAIN, run_attempt
from prism_runner.bundle import write_canonical

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures"

if __name__ == "__main__":
    result = run_attempt(command=CONTESTANT, own_process=True)
    bundle = write_canonical({"architecture.py": GRU.encode(), "training.py": TRAIN.encode()})
    (FIXTURES / "spec.json").write_text(json.dumps(result.spec, indent=2) + "\n")
    (FIXTURES / "bundle").write_bytes(bundle)
    (FIXTURES / "record.json").write_bytes(result.record_bytes or b"")
    (FIXTURES / "manifest.json").write_bytes(result.manifest_bytes)
