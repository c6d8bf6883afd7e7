"""Cutting text into the pieces that byte-pair encoding doesn't merge across, by GPT-2's pattern."""

import re
import unicodedata
from array import array
from collections.abc import Callable
from functools import cache
from itertools import accumulate

from prism_runner.stream import TokenStream

# ECMAScript's \s, which is what js-tiktoken matches by: U+FEFF is in it, U+0085 and U+001C … U+001F are not.
SPACE = "\t\n\x0b\x0c\r \xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"

LONGEST_REMEMBERED = 64  # characters of a piece worth remembering
MOST_REMEMBERED = 1 << 19

Encoded = list[tuple[int, int]]  # id and bytes of each token


def encode_pieces(raw: bytes, vocab: int, encode: Callable[[str], Encoded]) -> TokenStream:
    """The token stream of valid UTF-8 bytes, each piece encoded by itself, and most of them only once."""
    remembered: dict[str, tuple[array[int], array[int]]] = {}
    tokens, sizes = array("I"), array("I")
    for match in pre_token_pattern().finditer(raw.decode("utf-8")):
        piece = match.group()
        known = remembered.get(piece)
        if known is None:
            encoded = encode(piece)
            known = array("I", [number for number, _ in encoded]), array("I", [size for _, size in encoded])
            if len(piece) <= LONGEST_REMEMBERED and len(remembered) < MOST_REMEMBERED:
                remembered[piece] = known
        tokens.extend(known[0])
        sizes.extend(known[1])
    return TokenStream(tokens, array("Q", accumulate(sizes, initial=0)), vocab)


@cache
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
