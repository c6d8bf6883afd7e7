"""The exported state on the referee's side: pieces of the contestant's bytes, written, hashed, and never interpreted.

Only its header is looked at (safetensors_header): a file that isn't one ends the attempt that sent it. Whether the
tensors fit the architecture shows when a held-out contestant loads them.
"""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from prism_runner.fields import FieldError, Fields, integer
from prism_runner.safetensors_header import count_elements
from prism_runner.synced_files import publish

STATE_NAME = "state.safetensors"
LONGEST_PIECE = 4 << 20


@dataclass(frozen=True)
class ExportedState:
    """A state that came through whole."""

    digest: str  # SHA-256 of the file
    size_bytes: int  # of the file
    elements: int  # of all its tensors, by its header


class StateFile:
    """`out/state.safetensors`, under a temporary name until the attempt is complete."""

    def __init__(self, folder: Path, longest: int) -> None:
        """At most `longest` bytes will be written."""
        self._final, self._temporary = folder / STATE_NAME, folder / f".{STATE_NAME}"
        self._longest = longest
        self._hash = hashlib.sha256()
        self._total, self._written = 0, 0
        self.exported: ExportedState | None = None  # once it is complete

    def take(self, header: Fields, piece: bytearray) -> None:
        """Append a `state` message's body. Raises FieldError when it isn't the next piece."""
        total = integer(header, "total", 1, self._longest)
        self._total = self._total or total
        integer(header, "total", self._total, self._total)
        integer(header, "offset", self._written, self._written)
        if not 0 < len(piece) <= self._total - self._written:
            raise FieldError("a piece of the state is empty or goes beyond the total")
        self._hash.update(piece)
        with open(self._temporary, "ab" if self._written else "wb") as file:
            file.write(piece)
        self._written += len(piece)

    def complete(self) -> ExportedState:
        """The whole state, synced, its header checked. Raises FieldError."""
        if not self._total or self._written != self._total:
            raise FieldError(f"the exported state is cut short: {self._written} of {self._total} bytes")
        with open(self._temporary, "rb") as file:
            elements = count_elements(file, self._total)
            os.fsync(file.fileno())
        self.exported = ExportedState(self._hash.hexdigest(), self._total, elements)
        return self.exported

    def keep(self) -> None:
        """Give it its name: the attempt is complete."""
        publish(self._temporary, self._final)

    def drop(self) -> None:
        """Remove what came: the attempt isn't complete."""
        self._temporary.unlink(missing_ok=True)
