"""What a contestant has committed to, on disk while the run goes on: the hash of every complete group of logits.

An attempt that ends by somebody else's fault leaves no record. Its commitments stay, however it ends, and the attempt
that follows must give the same logits for the same rows, or it was told apart from the first.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

from prism_runner import canonical_json

COMMITMENTS_NAME = "commitments.jsonl"


class Commitments:
    """`prism_commitments.v1`: one JSON value a line, each handed to the kernel at once."""

    def __init__(self, folder: Path, runner_digest: str, platform: Callable[[], Mapping[str, object]]) -> None:
        """A new file in `folder`; digests compare only where runner and platform are the same.

        The platform is asked for once there is a digest: what the contestant computes on is known by then.
        """
        self._file = (folder / COMMITMENTS_NAME).open("wb", buffering=0)  # to the end of the process
        self._runner_digest, self._platform = runner_digest, platform
        self._is_empty = True

    def close_group(self, logits: str) -> None:
        """The next group's SHA-256."""
        if self._is_empty:
            header = {"schema": "prism_commitments.v1", "runnerDigest": self._runner_digest}
            self._add({**header, "platform": self._platform()})
            self._is_empty = False
        self._add(logits)

    def _add(self, value: object) -> None:
        self._file.write(canonical_json.encode(value) + b"\n")
