"""From locked shards to the raw stream: verify every shard, order the documents by the season secret, join and cut.

The order is that of HMAC-SHA256(season secret, document id), so nobody knows it before the secret is revealed.
"""

import hmac
import json
from collections.abc import Iterator
from pathlib import Path

from prism_runner.fields import nested
from prism_runner.locked import LockedFileError, locked_files, read_locked, read_manifest


def load_stream_bytes(folder: Path, digest: str, split: str, season_secret: bytes, stream_bytes: int) -> bytes:
    """The raw stream: at most `stream_bytes` and never more than 3 fewer, cut at a character boundary.

    Raises LockedFileError when a hash is wrong or the split is too small.
    """
    documents = load_documents(folder, digest, split)
    documents.sort(key=lambda document: document_rank(season_secret, document[0]))
    return join_and_cut([raw for _, raw in documents], stream_bytes)


def document_rank(season_secret: bytes, document_id: str) -> bytes:
    """What documents are ordered by."""
    return hmac.digest(season_secret, document_id.encode("utf-8"), "sha256")


def load_documents(folder: Path, digest: str, split: str) -> list[tuple[str, bytes]]:
    """(id, UTF-8 text) of every document of a split, in the shards' order. Raises LockedFileError."""
    return list(_documents(folder, digest, split))


def _documents(folder: Path, digest: str, split: str) -> Iterator[tuple[str, bytes]]:
    manifest = read_manifest(folder, digest, "prism_locked_data.v1")
    listed = locked_files(nested(nested(manifest, "splits"), split).get("shards"))
    shards = [read_locked(folder, shard) for shard in listed]  # every hash before the first document
    for raw in shards:
        for line in raw.splitlines():  # bytes.splitlines splits at \n, \r and \r\n only, and JSON escapes those in text
            document = json.loads(line)
            yield str(document["id"]), str(document["text"]).encode("utf-8")


def join_and_cut(documents: list[bytes], stream_bytes: int) -> bytes:
    """The documents joined without separator, the last one cut at a character boundary at or before `stream_bytes`."""
    joined = b"".join(documents)
    if len(joined) < stream_bytes:
        raise LockedFileError(f"the split has {len(joined)} bytes, the stream needs {stream_bytes}")
    return joined[: character_start(joined, stream_bytes)]


def character_start(raw: bytes, at: int) -> int:
    """The last place at or before `at` where a character begins, or the end."""
    while at < len(raw) and raw[at] & 0b1100_0000 == 0b1000_0000:  # a continuation byte begins no character
        at -= 1
    return at
