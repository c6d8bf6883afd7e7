"""Locked files: a folder whose MANIFEST.json names every file's SHA-256. A wrong hash stops the run: our fault."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from prism_runner.fields import Fields, integer, parse_object, text


class LockedFileError(Exception):
    """A locked file is missing or isn't what its manifest says."""


@dataclass(frozen=True)
class LockedFile:
    """One entry of a manifest."""

    path: str  # relative to the manifest
    sha256: str  # of the file's bytes
    size_bytes: int  # size of the file


def read_manifest(folder: Path, digest: str, schema: str) -> Fields:
    """The manifest, checked against its digest and schema. Raises LockedFileError."""
    raw = _read(folder / "MANIFEST.json")
    if hashlib.sha256(raw).hexdigest() != digest:
        raise LockedFileError(f"{folder}/MANIFEST.json isn't the one that the spec names")
    manifest = parse_object(raw)
    if manifest.get("schema") != schema:
        raise LockedFileError(f"{folder}/MANIFEST.json isn't {schema}")
    return manifest


def locked_files(listed: object) -> list[LockedFile]:
    """The entries of a manifest's file list. Raises FieldError or LockedFileError."""
    if not isinstance(listed, list) or not all(isinstance(entry, dict) for entry in listed):
        raise LockedFileError("a manifest's file list must be a list of objects")
    return [
        LockedFile(text(entry, "path"), text(entry, "sha256"), integer(entry, "bytes", 0, 2**53)) for entry in listed
    ]


def read_locked(folder: Path, file: LockedFile) -> bytes:
    """The file's bytes. Raises LockedFileError when size or hash is wrong."""
    raw = _read(folder / file.path)
    if len(raw) != file.size_bytes or hashlib.sha256(raw).hexdigest() != file.sha256:
        raise LockedFileError(f"{file.path} isn't what its manifest says")
    return raw


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise LockedFileError(f"{path} can't be read") from error
