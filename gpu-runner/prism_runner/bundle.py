"""The canonical form of a bundle: every file, sorted by path, as `path NUL decimal-length NUL bytes`.

Its SHA-256 is the submission's code hash, and its xz size is what the source is charged.
"""

import lzma
from collections.abc import Mapping
from pathlib import Path, PurePosixPath


class BundleError(ValueError):
    """The bytes are not a canonical bundle."""


def write_canonical(files: Mapping[str, bytes]) -> bytes:
    """The canonical bytes of {path: content}, paths in UTF-8 byte order."""
    ordered = sorted((path.encode("utf-8"), content) for path, content in files.items())
    return b"".join(path + b"\0" + str(len(content)).encode() + b"\0" + content for path, content in ordered)


def parse_canonical(raw: bytes) -> dict[str, bytes]:
    """The files in canonical bytes. Raises BundleError for anything that `write_canonical` wouldn't have written."""
    files: dict[str, bytes] = {}
    at = 0
    while at < len(raw):
        path_end = raw.find(b"\0", at)
        length_end = raw.find(b"\0", path_end + 1)
        if path_end < 0 or length_end < 0 or not raw[path_end + 1 : length_end].isdigit():
            raise BundleError(f"no entry begins at byte {at}")
        path = _safe_path(raw[at:path_end])
        at = length_end + 1 + int(raw[path_end + 1 : length_end])
        files[path] = raw[length_end + 1 : at]
    if write_canonical(files) != raw:
        raise BundleError("the entries are cut short, repeated or out of order")
    return files


def _safe_path(raw: bytes) -> str:
    """A relative path that stays inside the bundle; intake has checked that already, and it costs nothing here."""
    try:
        path = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BundleError("a path isn't UTF-8") from error
    if not path or PurePosixPath(path).is_absolute() or any(part in ("", ".", "..") for part in path.split("/")):
        raise BundleError(f"{path!r} doesn't stay inside the bundle")
    return path


def unpack(files: Mapping[str, bytes], root: Path) -> None:
    """Write the files under `root`, which is empty."""
    for path, content in files.items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)


def xz_bytes(raw: bytes) -> int:
    """Size of the canonical bytes as CPython's lzma compresses them (FORMAT_XZ, preset 9)."""
    return len(lzma.compress(raw, format=lzma.FORMAT_XZ, preset=9))
