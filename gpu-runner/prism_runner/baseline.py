"""The referee's own predictor: what each token costs whoever only counts. A yardstick to show beside a score, and the
control variate of the blind mean (DESIGN.md), which is the sharper the better it tracks what text is hard.

    p(-1) = 1 / V
    p(k)  = (n(context, token) + A p(k-1)) / (n(context) + A)      context: the k tokens before; k = 0 … order
    cost  = round(-ln p(order) * 10^6)                             integer microNats

n counts what came earlier in the stream: a cost depends on the past and the token, not on B, T or the contestant. order
is 4 for V <= 256, else 2.

Theory of operation. n(context, token) at position i is how often the (k+1)-gram that ends at i came before, and
n(context) how often the k-gram that ends at i - 1 did. So it is enough to number the occurrences of every gram. The
grams of a length are hashed into 16 counters a token of the stream, 2^20 to 2^24 of them. Within a block of 2^20
tokens, sorting by (counter, position) lines up a gram's occurrences; the place in line plus the counter is the number.
Grams that share a counter are counted as one. Few do up to 10^6 tokens; with 10^8 the longest contexts are blurred,
and the costs are a control variate that is close to a code, not quite one.
"""

from collections.abc import Iterator

import numpy
from numpy.typing import NDArray

from prism_runner.code_length import MICRO_NATS
from prism_runner.stream import TokenStream

SMALL_VOCAB = 256  # up to here contexts have 4 tokens, above it 2
PSEUDO_COUNT = 12.0  # A: the weight of the shorter context's prediction, in occurrences

BLOCK_BITS = 20
FEWEST_COUNTER_BITS, MOST_COUNTER_BITS = 20, 24
MULTIPLIER = numpy.uint64(0x9E3779B97F4A7C15)  # 2^64 / golden ratio, odd: carries every token into the upper bits
FINALIZER = numpy.uint64(0xD6E8FEB86659FD93)

Costs = NDArray[numpy.uint32]
Counts = NDArray[numpy.int64]


def baseline_costs(stream: TokenStream) -> Costs:
    """MicroNats of every token of the stream, (N,), each predicted from the tokens before it."""
    order = 4 if stream.vocab <= SMALL_VOCAB else 2
    kind = numpy.uint8 if isinstance(stream.tokens, bytes) else numpy.uint32
    tokens = numpy.frombuffer(stream.tokens, dtype=kind)  # type: ignore[call-overload]
    costs = numpy.empty(len(tokens), dtype=numpy.uint32)
    for start, seen in _occurrences(tokens, order + 1):
        size = len(seen[0]) - 1
        p = numpy.full(size, 1.0 / stream.vocab)
        for k in range(order + 1):
            of_context = seen[k - 1][:-1] if k else numpy.arange(start, start + size)
            of_token = numpy.minimum(seen[k][1:], of_context)  # more only where counters are shared
            p = (of_token + PSEUDO_COUNT * p) / (of_context + PSEUDO_COUNT)
        costs[start : start + size] = numpy.rint(numpy.log(p) * -MICRO_NATS)
    return costs


def _occurrences(tokens: NDArray[numpy.unsignedinteger], longest: int) -> Iterator[tuple[int, list[Counts]]]:
    """Block by block, its start and for each length 1 … longest how often the gram ending at a position came before.

    Each array begins with the position before the block; before the stream stand `longest` tokens that are no token.
    """
    counter_bits = max(FEWEST_COUNTER_BITS, min(MOST_COUNTER_BITS, (16 * len(tokens)).bit_length()))
    counters = [numpy.zeros(1 << counter_bits, dtype=numpy.uint32) for _ in range(longest)]
    before = numpy.zeros(longest, dtype=numpy.uint64)  # the tokens before the block, plus one
    last = [numpy.zeros(1, dtype=numpy.int64) for _ in range(longest)]
    for start in range(0, len(tokens), 1 << BLOCK_BITS):
        block = tokens[start : start + (1 << BLOCK_BITS)].astype(numpy.uint64)
        extended = numpy.concatenate([before, block + numpy.uint64(1)])
        size = len(extended) - longest
        grams = numpy.zeros(len(extended) + 1, dtype=numpy.uint64)
        seen: list[Counts] = []
        for shorter in range(longest):
            grams = grams[:-1] * MULTIPLIER + extended[shorter:]
            slots = (grams[-size:] * FINALIZER) >> numpy.uint64(64 - counter_bits)
            seen.append(numpy.concatenate([last[shorter], _number(slots, counters[shorter])]))
        yield start, seen
        before = extended[-longest:]
        last = [counts[-1:] for counts in seen]


def _number(slots: NDArray[numpy.uint64], counter: NDArray[numpy.uint32]) -> Counts:
    """How often each slot came before its position, earlier blocks included; `counter` is brought up to date."""
    size = len(slots)
    line = (slots << numpy.uint64(BLOCK_BITS)) | numpy.arange(size, dtype=numpy.uint64)
    line.sort()
    sorted_slots = (line >> numpy.uint64(BLOCK_BITS)).astype(numpy.int64)
    heads = numpy.flatnonzero(numpy.diff(sorted_slots, prepend=-1))  # where in line a slot begins
    lengths = numpy.diff(heads, append=size)
    slot = sorted_slots[heads]
    numbers = numpy.empty(size, dtype=numpy.int64)
    positions = (line & numpy.uint64((1 << BLOCK_BITS) - 1)).astype(numpy.int64)
    numbers[positions] = numpy.arange(size) - numpy.repeat(heads - counter[slot], lengths)
    counter[slot] += lengths.astype(numpy.uint32)
    return numbers
