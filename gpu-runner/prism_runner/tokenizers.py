"""The challenge's tokenizers: `bytes` (V = 256), `gpt2` (V = 50,257), `llama` where a model is given (llama.py), and
what a bundle declares (bpe.py). Each is lossless: its tokens' bytes joined are the raw bytes, and bytes are counted so.

A bundle's own is named by its path, which ends in `.json`. GPT-2's end-of-text id exists in the vocabulary but is never
produced.
"""

import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

from prism_runner.bpe import Bpe
from prism_runner.bundle import parse_canonical
from prism_runner.fields import FieldError
from prism_runner.llama import Llama
from prism_runner.locked import LockedFileError, locked_files, read_locked, read_manifest
from prism_runner.outcome import AttemptFailed
from prism_runner.pieces import Encoded, encode_pieces
from prism_runner.stream import TokenStream

VOCAB = {"bytes": 256, "gpt2": 50_257}  # those that are the same everywhere

Encode = Callable[[bytes], TokenStream]  # of valid UTF-8 bytes


def load_tokenizer(name: str, folder: Path, digest: str, bundle: bytes) -> Encode:
    """What turns raw UTF-8 bytes into a token stream.

    Raises LockedFileError when a table is wrong (ours), AttemptFailed when the bundle's own file is (theirs).
    """
    listed = locked_files(read_manifest(folder, digest, "prism_tokenizers.v1").get("files"))
    tables = {file.path: read_locked(folder, file) for file in listed}
    if name == "bytes":
        return byte_stream
    if name == "gpt2":
        return Gpt2(tables["gpt2/vocab.bpe"], tables["gpt2/encoder.json"]).stream
    if name == "llama":
        return llama_tokenizer(tables.get("llama/tokenizer.model"))
    return declared_tokenizer(bundle, name)


def llama_tokenizer(model: bytes | None) -> Encode:
    """The tokenizer of the deployment's model file. Raises LockedFileError."""
    if model is None:
        raise LockedFileError("the tokenizers have no llama/tokenizer.model")
    return Llama(model).stream


def declared_tokenizer(bundle: bytes, path: str) -> Encode:
    """The tokenizer that the bundle declares. Raises AttemptFailed: `contract`, with the place."""
    return declared_bpe(bundle, path).stream


def declared_vocab(bundle: bytes, path: str) -> int:
    """Its V. Raises AttemptFailed."""
    return declared_bpe(bundle, path).vocab


def declared_bpe(bundle: bytes, path: str) -> Bpe:
    """The file's merges. Raises AttemptFailed."""
    raw = parse_canonical(bundle).get(path)
    if raw is None:
        raise AttemptFailed("contract", f"the manifest's tokenizer is {path}, and the bundle has no such file")
    try:
        return Bpe(raw)
    except FieldError as error:
        raise AttemptFailed("contract", f"{path} is no tokenizer: {error}", where=path) from error


def byte_stream(raw: bytes) -> TokenStream:
    """One token a byte; nothing is copied."""
    return TokenStream(raw, range(len(raw) + 1), VOCAB["bytes"])


class Gpt2:
    """Byte-pair encoding with GPT-2's merges."""

    def __init__(self, merges: bytes, encoder: bytes) -> None:
        """`merges` is vocab.bpe, `encoder` is encoder.json."""
        to_byte = {character: byte for byte, character in enumerate(printable_bytes())}
        self._ids = {
            bytes(to_byte[character] for character in token): number
            for token, number in json.loads(encoder).items()
            if token != "<|endoftext|>"
        }
        pairs = [line.split(" ") for line in merges.decode("utf-8").split("\n")[1:] if line]
        self._ranks = {
            (bytes(to_byte[c] for c in left), bytes(to_byte[c] for c in right)): rank
            for rank, (left, right) in enumerate(pairs)
        }

    def stream(self, raw: bytes) -> TokenStream:
        """The token stream of valid UTF-8 bytes."""
        return encode_pieces(raw, VOCAB["gpt2"], self._encode)

    def _encode(self, piece: str) -> Encoded:
        return [(self._ids[part], len(part)) for part in self._merge(piece.encode("utf-8"))]

    def _merge(self, piece: bytes) -> list[bytes]:
        """Apply the best-ranked merge everywhere, left to right, until none applies."""
        parts = [piece[at : at + 1] for at in range(len(piece))]
        while len(parts) > 1:
            pairs = set(pairwise(parts))
            best = min(pairs, key=lambda pair: self._ranks.get(pair, len(self._ranks)))
            if best not in self._ranks:
                break
            parts = join_pair(parts, best)
        return parts


def join_pair(parts: list[bytes], pair: tuple[bytes, bytes]) -> list[bytes]:
    """`parts` with every occurrence of the pair joined, left to right."""
    joined: list[bytes] = []
    at = 0
    while at < len(parts):
        if parts[at] == pair[0] and at + 1 < len(parts) and parts[at + 1] == pair[1]:
            joined.append(pair[0] + pair[1])
            at += 2
        else:
            joined.append(parts[at])
            at += 1
    return joined


def printable_bytes() -> list[str]:
    """The character that GPT-2's tables write for each byte: itself if printable, else one from U+0100 on."""
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    hidden = [byte for byte in range(256) if byte not in printable]
    return [chr(byte) if byte in printable else chr(0x100 + hidden.index(byte)) for byte in range(256)]
