"""A bundle's own tokenizer: byte-pair encoding that a JSON file declares and the referee applies. Data, never code.

    { "schema": "prism_bpe.v1", "merges": [[left, right], …] }

Ids 0 … 255 are the bytes; merge i makes id 256 + i of two smaller ids. So a token's bytes are its parts' bytes joined,
down to the raw bytes, whatever the file says. Text is cut into GPT-2's pieces, and a piece of more than 256 bytes into
parts of 256. Within one, of all pairs that have a merge the earliest merge is applied, the leftmost first, until none
is left.
"""

import math

from prism_runner.fields import FieldError, parse_object
from prism_runner.pieces import Encoded, encode_pieces, join_best
from prism_runner.stream import TokenStream

SCHEMA = "prism_bpe.v1"
LARGEST_VOCAB = 65_536
LONGEST_TOKEN = 256  # bytes; bounds the work on a piece as well

Pair = tuple[int, int]


class Bpe:
    """The tokenizer that a file declares."""

    def __init__(self, raw: bytes) -> None:
        """Raises FieldError, which names the place in the file."""
        merges = parse_merges(raw)
        self.vocab = 256 + len(merges)
        self._ranks = {pair: rank for rank, pair in enumerate(merges)}
        self._sizes = token_sizes(merges)

    def stream(self, raw: bytes) -> TokenStream:
        """The token stream of valid UTF-8 bytes."""
        return encode_pieces(raw, self.vocab, self._encode)

    def _encode(self, piece: str) -> Encoded:
        raw = piece.encode("utf-8")
        parts = (raw[at : at + LONGEST_TOKEN] for at in range(0, len(raw), LONGEST_TOKEN))
        ids = (number for part in parts for number in join_best(list(part), self._rank, self._join))
        return [(number, self._sizes[number]) for number in ids]

    def _rank(self, left: int, right: int) -> float:
        return self._ranks.get((left, right), math.inf)

    def _join(self, left: int, right: int) -> int:
        return 256 + self._ranks[left, right]


def parse_merges(raw: bytes) -> list[Pair]:
    """The merges in a file's bytes: distinct pairs of ids that exist by then. Raises FieldError."""
    fields = parse_object(raw)
    if fields.get("schema") != SCHEMA or fields.keys() != {"schema", "merges"}:
        raise FieldError(f"it must be an object with `schema`: {SCHEMA!r} and `merges`, and nothing else")
    listed = fields["merges"]
    if not isinstance(listed, list) or len(listed) > LARGEST_VOCAB - 256:
        raise FieldError(f"merges must be a list of at most {LARGEST_VOCAB - 256} pairs")
    seen: dict[Pair, int] = {}
    for index, pair in enumerate(listed):
        if not isinstance(pair, list) or len(pair) != 2 or not all(_is_id(part, 256 + index) for part in pair):
            raise FieldError(f"merges[{index}] must be two ids from 0 to {255 + index}")
        if seen.setdefault((pair[0], pair[1]), index) != index:
            raise FieldError(f"merges[{index}] repeats merges[{seen[pair[0], pair[1]]}]")
    return list(seen)


def _is_id(value: object, bound: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < bound


def token_sizes(merges: list[Pair]) -> list[int]:
    """Bytes of every token. Raises FieldError for one that no piece could hold."""
    sizes = [1] * 256
    for index, (left, right) in enumerate(merges):
        sizes.append(sizes[left] + sizes[right])
        if sizes[-1] > LONGEST_TOKEN:
            raise FieldError(f"merges[{index}] makes a token of {sizes[-1]} bytes, more than {LONGEST_TOKEN}")
    return sizes
