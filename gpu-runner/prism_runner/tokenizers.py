"""The challenge's tokenizers: `bytes` (V = 256) and `gpt2` (V = 50,257). Each is lossless: its tokens' bytes joined are
the raw bytes, and the referee counts bytes from them.

GPT-2's end-of-text id exists in the vocabulary but is never produced.
"""

import json
import re
import unicodedata
from array import array
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

from prism_runner.locked import locked_files, read_locked, read_manifest
from prism_runner.stream import TokenStream

VOCAB = {"bytes": 256, "gpt2": 50_257}

# ECMAScript's \s, which is what js-tiktoken matches by: U+FEFF is in it, U+0085 and U+001C … U+001F are not.
SPACE = "\t\n\x0b\x0c\r \xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"

LONGEST_CACHED = 64  # characters of a pre-token worth remembering
MOST_CACHED = 1 << 19


def load_tokenizer(name: str, folder: Path, digest: str) -> Callable[[bytes], TokenStream]:
    """What turns raw UTF-8 bytes into a token stream. Raises LockedFileError when a table is wrong."""
    listed = locked_files(read_manifest(folder, digest, "prism_tokenizers.v1").get("files"))
    tables = {file.path: read_locked(folder, file) for file in listed}
    if name == "bytes":
        return byte_stream
    return Gpt2(tables["gpt2/vocab.bpe"], tables["gpt2/encoder.json"]).stream


def byte_stream(raw: bytes) -> TokenStream:
    """One token a byte; nothing is copied."""
    return TokenStream(raw, range(len(raw) + 1), VOCAB["bytes"])


class Gpt2:
    """Byte-pair encoding with GPT-2's merges."""

    def __init__(self, merges: bytes, encoder: bytes) -> None:
        """`merges` is vocab.bpe, `encoder` is encoder.json."""
        to_byte = {character: byte for byte, character in enumerate(printable_bytes())}
        self._pieces = pre_token_pattern()
        self._cache: dict[str, list[tuple[int, int]]] = {}
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
        tokens, byte_ends, end = array("I"), array("Q", [0]), 0
        for match in self._pieces.finditer(raw.decode("utf-8")):
            for number, size in self._encode(match.group()):
                end += size
                tokens.append(number)
                byte_ends.append(end)
        return TokenStream(tokens, byte_ends, VOCAB["gpt2"])

    def _encode(self, piece: str) -> list[tuple[int, int]]:
        """(id, bytes) of each token of a pre-token."""
        known = self._cache.get(piece)
        if known is not None:
            return known
        encoded = [(self._ids[part], len(part)) for part in self._merge(piece.encode("utf-8"))]
        if len(piece) <= LONGEST_CACHED and len(self._cache) < MOST_CACHED:
            self._cache[piece] = encoded
        return encoded

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


def pre_token_pattern() -> re.Pattern[str]:
    r"""GPT-2's pattern with `\p{L}` and `\p{N}` spelled out, since Python's `re` has neither."""
    letter, number = character_class("L"), character_class("N")
    return re.compile(
        rf"'s|'t|'re|'ve|'m|'ll|'d| ?[{letter}]+| ?[{number}]+| ?[^{SPACE}{letter}{number}]+"
        rf"|[{SPACE}]+(?![^{SPACE}])|[{SPACE}]+"
    )


def character_class(category: str) -> str:
    """The code points whose general category begins with the letter, as the inside of a character class."""
    ranges: list[list[int]] = []
    for point in range(0x110000):
        if unicodedata.category(chr(point))[0] == category:
            if ranges and ranges[-1][1] == point - 1:
                ranges[-1][1] = point
            else:
                ranges.append([point, point])
    return "".join(f"\\U{first:08x}-\\U{last:08x}" for first, last in ranges)
