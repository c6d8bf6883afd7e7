"""What a contestant has committed to, on disk while the run goes on: the hash of every complete group of logits.

An attempt that ends by somebody else's fault leaves no record. Its commitments stay, however it ends, and the attempt
that follows must give the same logits for the same rows, or it was told apart from the first.
"""

from collections.abc import Mapping
from pathlib import Path

from prism_runner import canonical_json

COMMITMENTS_NAME = "commitments.jsonl"


class Commitments:
    """`prism_commitments.v1`: one JSON value a line, each handed to the kernel at once."""

    def __init__(self, folder: Path, runner_digest: str, platform: Mapping[str, object]) -> None:
        """A new file in `folder`; digests compare only where runner and platform are the same."""
        self._file = (folder / COMMITMENTS_NAME).open("wb", buffering=0)  # to the end of the process
        self._add({"schema": "prism_commitments.v1", "runnerDigest": runner_digest, "platform": platform})

    def close_group(self, logits: str) -> None:
        """The next group's SHA-256."""
        self._add(logits)

    def _add(self, value: object) -> None:
        self._file.write(canonical_json.encode(value) + b"\n")
