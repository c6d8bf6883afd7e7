"""How much English the processes of this container can read. Prints one JSON object.

python3 scan_world.py PHRASE …      the phrases are looked for in every readable file
"""

import importlib
import json
import os
import sys
from collections import Counter
from pathlib import Path

from prose import docstrings_in_memory, sentences_in

NOT_FILES = {"/proc", "/sys", "/dev"}
MODULES = [
    "torch",
    "numpy",
    "torch.distributed",
    "torch._dynamo",
    "torch.optim",
    "safetensors.torch",
    "asyncio",
    "json",
]


def main(phrases: list[str]) -> None:
    """Scan files, then what docstrings say once the usual modules are imported."""
    sought = [phrase.encode() for phrase in phrases]
    by_kind: Counter[str] = Counter()
    largest: list[tuple[int, str]] = []
    found: list[str] = []
    unreadable: list[str] = []
    files = 0
    for path in readable_files(unreadable):
        raw = path.read_bytes()
        files += 1
        prose = sum(end - begin for begin, end in sentences_in(raw))
        by_kind["library" if ".so" in path.name else path.suffix or "program"] += prose
        largest.append((prose, str(path)))
        found += [f"{path}: {phrase.decode()}" for phrase in sought if phrase in raw]
    for name in MODULES:
        importlib.import_module(name)
    docstrings = sum(end - begin for text in docstrings_in_memory() for begin, end in sentences_in(text))
    largest.sort(reverse=True)
    facts = {"files": files, "proseBytes": dict(by_kind), "largest": largest[:10], "docstringBytes": docstrings}
    print(json.dumps({**facts, "found": found, "unreadable": unreadable}))


def readable_files(unreadable: list[str]) -> list[Path]:
    """Every file that this user may read; folders it may not enter are noted."""
    files: list[Path] = []
    for folder, names, contents in os.walk("/", onerror=lambda error: unreadable.append(str(error.filename))):
        names[:] = [name for name in names if os.path.join(folder, name) not in NOT_FILES]
        paths = [Path(folder, name) for name in contents]
        files += [path for path in paths if path.is_file() and not path.is_symlink() and os.access(path, os.R_OK)]
    return files


if __name__ == "__main__":
    main(sys.argv[1:])
