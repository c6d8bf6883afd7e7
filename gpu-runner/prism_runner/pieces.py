"""What byte-pair encodings share: cutting text into pieces that nothing is joined across, and joining within them."""

import math
import re
import unicodedata
from array import array
from collections.abc import Callable
from functools import cache
from itertools import accumulate, pairwise
from typing import TypeVar

from prism_runner.stream import TokenStream

# ECMAScript's \s, which is what js-tiktoken matches by: U+FEFF is in it, U+0085 and U+001C … U+001F are not.
SPACE = "\t\n\x0b\x0c\r \xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"

LONGEST_REMEMBERED = 64  # characters of a piece worth remembering
MOST_REMEMBERED = 1 << 19

Part = TypeVar("Part")
Encoded = list[tuple[int, int]]  # id and bytes of each token


def encode_pieces(raw: bytes, vocab: int, encode: Callable[[str], Encoded]) -> TokenStream:
    """The token stream of valid UTF-8 bytes, cut by GPT-2's pattern."""
    return encode_matches(raw, vocab, pre_token_pattern(), encode)


def encode_matches(raw: bytes, vocab: int, pattern: re.Pattern[str], encode: Callable[[str], Encoded]) -> TokenStream:
    """The token stream of valid UTF-8 bytes, each match encoded by itself, and most of them only once."""
    remembered: dict[str, tuple[array[int], array[int]]] = {}
    tokens, sizes = array("I"), array("I")
    for match in pattern.finditer(raw.decode("utf-8")):
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


def join_best(parts: list[Part], rank: Callable[[Part, Part], float], join: Callable[[Part, Part], Part]) -> list[Part]:
    """Join adjacent parts: of all pairs with a finite rank the lowest, the leftmost of equals, until there is none."""
    ranks = [rank(left, right) for left, right in pairwise(parts)]  # ranks[i]: of the pair that begins at i
    while ranks and (best := min(ranks)) < math.inf:
        at = ranks.index(best)
        parts[at : at + 2] = [join(parts[at], parts[at + 1])]
        del ranks[at]
        for touched in range(max(at - 1, 0), min(at + 1, len(ranks))):
            ranks[touched] = rank(parts[touched], parts[touched + 1])
    return parts


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
