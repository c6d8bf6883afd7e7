"""The `llama` tokenizer: byte-pair encoding from a SentencePiece model file, where one is given.

As SentencePiece does it: text is a space (the dummy prefix) and the text, spaces become U+2581, and of all adjacent
parts that joined are a piece the one with the highest score is joined, the leftmost of equals, until none is. A
character that is no piece is written as its UTF-8 bytes.

No token loses a byte: the dummy prefix isn't counted (the stream's first token has one byte less than its piece, maybe
none), and a U+2581 in the text is written as its bytes, since its piece means a space.

A model is refused unless it is of this kind: BPE with all 256 byte pieces, no other normalisation, no pieces of a
user's own, and none that goes on after a space, so that words can be encoded one by one.
"""

import math
import re
import struct
from array import array
from collections.abc import Iterator
from dataclasses import dataclass

from prism_runner.locked import LockedFileError
from prism_runner.pieces import Encoded, encode_matches, join_best
from prism_runner.stream import TokenStream

SPACE = "\u2581"
WORD = re.compile(f" *[^ {SPACE}]+| +|{SPACE}")

NORMAL, UNKNOWN, CONTROL, BYTE = 1, 2, 3, 6  # types of pieces
BPE = 2  # a model type

Value = int | bytes


@dataclass(frozen=True)
class Piece:
    """An entry of the vocabulary; its id is its place in the file."""

    text: str  # with U+2581 for spaces
    score: float  # the higher, the earlier it is joined
    kind: int  # NORMAL, UNKNOWN, CONTROL or BYTE


class Llama:
    """The tokenizer of a model file."""

    def __init__(self, model: bytes) -> None:
        """Raises LockedFileError for a model of another kind."""
        pieces = read_model(model)
        self.vocab = len(pieces)
        self._ids = {piece.text: number for number, piece in enumerate(pieces) if piece.kind == NORMAL}
        self._scores = {piece.text: piece.score for piece in pieces if piece.kind == NORMAL}
        bytes_of = {piece.text: number for number, piece in enumerate(pieces) if piece.kind == BYTE}
        try:
            self._bytes = [bytes_of[f"<0x{byte:02X}>"] for byte in range(256)]
        except KeyError as error:
            raise LockedFileError("the model has no piece for every byte") from error

    def stream(self, raw: bytes) -> TokenStream:
        """The token stream of valid UTF-8 bytes."""
        if not raw:
            return TokenStream(array("I"), array("Q", [0]), self.vocab)
        prefixed = encode_matches(b" " + raw, self.vocab, WORD, self._encode)
        ends = array("Q", [0, *(end - 1 for end in prefixed.byte_ends[1:])])
        return TokenStream(prefixed.tokens, ends, self.vocab)

    def _encode(self, word: str) -> Encoded:
        if word == SPACE:
            return self._as_bytes(word)
        parts = join_best(list(word.replace(" ", SPACE)), self._rank, str.__add__)
        encoded: Encoded = []
        for part in parts:
            number = self._ids.get(part)
            text = part.replace(SPACE, " ")
            encoded += self._as_bytes(text) if number is None else [(number, len(text.encode("utf-8")))]
        return encoded

    def _as_bytes(self, text: str) -> Encoded:
        return [(self._bytes[byte], 1) for byte in text.encode("utf-8")]

    def _rank(self, left: str, right: str) -> float:
        return -self._scores.get(left + right, -math.inf)


def read_model(raw: bytes) -> list[Piece]:
    """The vocabulary of a serialised ModelProto. Raises LockedFileError."""
    try:
        fields = list(read_fields(raw))
        pieces = [read_piece(value) for number, value in fields if number == 1 and isinstance(value, bytes)]
        trainer, normalizer = (dict(read_fields(only(fields, number))) for number in (2, 3))
    except (IndexError, UnicodeDecodeError, ValueError, struct.error) as error:
        raise LockedFileError("llama/tokenizer.model isn't a SentencePiece model") from error
    if trainer.get(3) != BPE or not trainer.get(35) or trainer.get(24):
        raise LockedFileError("the model isn't BPE with byte fallback and spaces before words")
    if normalizer.get(2, b"") or [normalizer.get(number, 1) for number in (3, 4, 5)] != [1, 0, 1]:
        raise LockedFileError("the model normalises text, or adds no space before it")
    if any(
        piece.kind not in (NORMAL, UNKNOWN, CONTROL, BYTE) or re.search(f"[^{SPACE}]{SPACE}", piece.text)
        for piece in pieces
    ):
        raise LockedFileError("the model has pieces of a user's own, or some that go on after a space")
    return pieces


def only(fields: list[tuple[int, Value]], wanted: int) -> bytes:
    """The message in the field of that number. Raises ValueError unless there is exactly one."""
    (found,) = (value for number, value in fields if number == wanted and isinstance(value, bytes))
    return found


def read_piece(raw: bytes) -> Piece:
    """A serialised SentencePiece."""
    fields = dict(read_fields(raw))
    text, score, kind = fields.get(1, b""), fields.get(2, b"\0\0\0\0"), fields.get(3, NORMAL)
    if not isinstance(text, bytes) or not isinstance(score, bytes) or not isinstance(kind, int):
        raise ValueError("a piece has fields of other types")
    return Piece(text.decode("utf-8"), struct.unpack("<f", score)[0], kind)


def read_fields(raw: bytes) -> Iterator[tuple[int, Value]]:
    """(number, value) of a protocol buffers message: varints as int, everything else as bytes."""
    at = 0
    while at < len(raw):
        key, at = read_varint(raw, at)
        wire_type = key & 7
        if wire_type == 0:
            value, at = read_varint(raw, at)
            yield key >> 3, value
            continue
        if wire_type == 2:
            size, at = read_varint(raw, at)
        else:
            size = {1: 8, 5: 4}.get(wire_type, -1)
        if size < 0 or at + size > len(raw):
            raise ValueError("a field is cut short or of an unknown kind")
        yield key >> 3, raw[at : at + size]
        at += size


def read_varint(raw: bytes, at: int) -> tuple[int, int]:
    """The number that begins at `at`, and where it ends."""
    value = shift = 0
    while True:
        value |= (raw[at] & 0x7F) << shift
        shift += 7
        at += 1
        if raw[at - 1] < 0x80:
            return value, at
