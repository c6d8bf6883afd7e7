"""Files that are there whole or not at all, also after a power cut."""

import os
from pathlib import Path


def publish(temporary: Path, final: Path) -> None:
    """Give a synced temporary file its name, in the same folder, and sync the folder."""
    os.replace(temporary, final)
    descriptor = os.open(final.parent, os.O_RDONLY | os.O_DIRECTORY)
    os.fsync(descriptor)
    os.close(descriptor)
