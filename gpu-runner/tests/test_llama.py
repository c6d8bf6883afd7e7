"""The SentencePiece reader, on a model that is written here field by field."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prism_runner.llama import SPACE, Llama, read_model
from prism_runner.locked import LockedFileError
from prism_runner.pieces import join_best

# Each longer piece can be joined from others; scores fall with the order, as in a trained model.
WORDS = ["th", "the", f"{SPACE}t", f"{SPACE}the", f"{SPACE}{SPACE}", "he", "aa", "aaaa", "er", "éa", SPACE, *"thearé"]

Field = tuple[int, int | bytes | float]


def varint(value: int) -> bytes:
    return bytes([value]) if value < 0x80 else bytes([value & 0x7F | 0x80]) + varint(value >> 7)


def message(*fields: Field) -> bytes:
    """A protocol buffers message."""
    written = b""
    for number, value in fields:
        if isinstance(value, bytes):
            written += varint(number << 3 | 2) + varint(len(value)) + value
        elif isinstance(value, float):
            written += varint(number << 3 | 5) + struct.pack("<f", value)
        else:
            written += varint(number << 3) + varint(value)
    return written


def piece(text: str, score: float = 0.0, kind: int = 1) -> Field:
    return 1, message((1, text.encode()), (2, score), (3, kind))


def pieces(words: list[str]) -> list[Field]:
    special = [piece("<unk>", kind=2), piece("<s>", kind=3), piece("</s>", kind=3)]
    fallback = [piece(f"<0x{byte:02X}>", kind=6) for byte in range(256)]
    return special + fallback + [piece(word, -float(rank)) for rank, word in enumerate(words)]


TRAINER, NORMALIZER = [(3, 2), (35, 1)], [(1, b"identity"), (3, 1), (4, 0), (5, 1)]


def model(
    listed: list[Field] | None = None, trainer: list[Field] | None = None, normalizer: list[Field] | None = None
) -> bytes:
    settings = (2, message(*(trainer or TRAINER))), (3, message(*(normalizer or NORMALIZER)))
    return message(*(listed or pieces(WORDS)), *settings)


LLAMA = Llama(model())
TOKENS = [
    bytes([number - 3]) if 3 <= number < 259 else entry.text.replace(SPACE, " ").encode()
    for number, entry in enumerate(read_model(model()))
]


@given(st.text(alphabet=f"thera é\n日{SPACE}", max_size=100))
def test_tokens_joined_are_a_space_and_the_raw_bytes(text: str) -> None:
    raw = text.encode()
    stream = LLAMA.stream(raw)
    joined = b"".join(TOKENS[token] for token in stream.tokens)
    assert joined == (b" " + raw if raw else b"")
    sizes = [stop - start for start, stop in zip(stream.byte_ends, stream.byte_ends[1:], strict=False)]
    assert sizes == [len(TOKENS[token]) - (index == 0) for index, token in enumerate(stream.tokens)]
    assert stream.vocab == len(TOKENS) == 259 + len(WORDS)


@given(st.text(alphabet="thera é", min_size=1, max_size=60))
def test_words_one_by_one_are_as_the_whole_text_at_once(text: str) -> None:
    scores = {word: float(rank) for rank, word in enumerate(WORDS)}
    characters = list((" " + text).replace(" ", SPACE))
    whole = join_best(characters, lambda left, right: scores.get(left + right, float("inf")), str.__add__)
    assert [TOKENS[token] for token in LLAMA.stream(text.encode()).tokens] == [
        part.replace(SPACE, " ").encode() for part in whole
    ]


def test_pieces_fallback_and_the_space_before_the_text() -> None:
    ids = {word: 259 + rank for rank, word in enumerate(WORDS)}
    stream = LLAMA.stream("the 日<s>".encode())
    assert list(stream.tokens) == [ids[f"{SPACE}the"], ids[SPACE], *(3 + byte for byte in "日<s>".encode())]
    assert list(stream.byte_ends) == [0, 3, 4, 5, 6, 7, 8, 9, 10]
    assert list(LLAMA.stream(SPACE.encode()).byte_ends) == [0, 0, 1, 2, 3]


OTHERS = {
    "no protocol buffers": (b"\xff" * 20, "isn't a SentencePiece model"),
    "cut short": (model()[:-3], "isn't a SentencePiece model"),
    "no normalizer": (message(*pieces(WORDS), (2, message(*TRAINER))), "isn't a SentencePiece model"),
    "unigram": (model(trainer=[(3, 1), (35, 1)]), "isn't BPE"),
    "no fallback": (model(trainer=[(3, 2)]), "isn't BPE"),
    "spaces behind": (model(trainer=[*TRAINER, (24, 1)]), "isn't BPE"),
    "normalising": (model(normalizer=[*NORMALIZER, (2, b"charsmap")]), "normalises"),
    "dropping spaces": (model(normalizer=[(3, 1)]), "normalises"),
    "no prefix": (model(normalizer=[(3, 0), (4, 0)]), "normalises"),
    "a byte missing": (model(pieces(WORDS)[:100] + pieces(WORDS)[101:]), "every byte"),
    "a user's piece": (model([*pieces(WORDS), piece("x", kind=4)]), "user's own"),
    "across words": (model(pieces([*WORDS, f"e{SPACE}"])), "after a space"),
}  # fmt: skip


@pytest.mark.parametrize(("raw", "reason"), OTHERS.values(), ids=OTHERS)
def test_a_model_of_another_kind_is_refused(raw: bytes, reason: str) -> None:
    with pytest.raises(LockedFileError, match=reason):
        Llama(raw)
