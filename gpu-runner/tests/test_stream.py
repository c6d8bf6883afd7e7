"""Every byte is charged exactly once, whatever the sequence of batch sizes, lengths and early stops."""

from array import array
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prism_runner.stream import Batch, LaneReader, Span, TokenStream


def positions_stream(sizes: list[int]) -> TokenStream:
    """A stream whose token ids are their own positions, so that rows show where they came from."""
    byte_ends = [0]
    for size in sizes:
        byte_ends.append(byte_ends[-1] + size)
    return TokenStream(array("I", range(len(sizes))), byte_ends, max(len(sizes), 1))


def rows_of(batch: Batch) -> list[list[int]]:
    ids = array("I", batch.tokens).tolist()
    return [ids[row * batch.length : (row + 1) * batch.length] for row in range(batch.rows)]


def tokens_in(spans: tuple[Span, ...]) -> list[int]:
    return [position for start, stop in spans for position in range(start, stop)]


calls = st.lists(st.tuples(st.integers(1, 12), st.integers(2, 40), st.integers(0, 30)), min_size=1, max_size=6)


@settings(max_examples=400, deadline=None)
@given(sizes=st.lists(st.integers(1, 4), min_size=1, max_size=400), calls=calls)
def test_every_token_and_byte_is_charged_exactly_once(sizes: list[int], calls: list[tuple[int, int, int]]) -> None:
    stream = positions_stream(sizes)
    lanes = LaneReader(stream)
    charged: Counter[int] = Counter()
    charged_bytes = 0
    for batch_size, seq_len, most in calls:
        lanes.open(batch_size)
        for _ in range(most):
            if lanes.exhausted:
                break
            batch = lanes.draw(seq_len)
            rows = rows_of(batch)
            assert 2 <= batch.length <= seq_len
            assert len(rows) == batch_size
            # Charged is what the rows ask for: all but each row's first token, and that too in a lane's first row.
            asked = [token for row in rows for token in (row if batch.first_tokens else row[1:])]
            assert asked == tokens_in(batch.charged)
            assert batch.first_tokens in (0, batch_size)
            charged.update(asked)
            charged_bytes += stream.bytes_of(batch.charged)
    remainder = lanes.remainder()
    charged.update(tokens_in(remainder))
    charged_bytes += stream.bytes_of(remainder)
    assert all(times == 1 for times in charged.values())
    uncovered = set(range(len(sizes))) - set(charged)
    assert charged_bytes + sum(sizes[token] for token in uncovered) == stream.size_bytes


@settings(max_examples=200, deadline=None)
@given(tokens=st.integers(1, 500), batch_size=st.integers(1, 20), seq_len=st.integers(2, 64))
def test_one_call_leaves_fewer_tokens_than_rows_uncovered(tokens: int, batch_size: int, seq_len: int) -> None:
    lanes = LaneReader(positions_stream([1] * tokens))
    lanes.open(batch_size)
    covered = 0
    while not lanes.exhausted:
        batch = lanes.draw(seq_len)
        covered += batch.first_tokens + batch.predicted_tokens
    assert 0 <= tokens - covered - len(tokens_in(lanes.remainder())) < batch_size


def test_each_row_begins_with_the_last_token_of_the_lane_s_previous_row() -> None:
    lanes = LaneReader(positions_stream([1] * 23))
    lanes.open(2)
    drawn = []
    while not lanes.exhausted:
        drawn.append(rows_of(lanes.draw(5)))
    assert drawn == [
        [[0, 1, 2, 3, 4], [11, 12, 13, 14, 15]],
        [[4, 5, 6, 7, 8], [15, 16, 17, 18, 19]],
        [[8, 9, 10], [19, 20, 21]],
    ]


def test_the_same_batch_size_continues_the_lanes_and_the_length_may_change() -> None:
    lanes = LaneReader(positions_stream([1] * 20))
    lanes.open(2)
    lanes.draw(4)
    lanes.open(2)
    batch = lanes.draw(3)
    assert rows_of(batch) == [[3, 4, 5], [13, 14, 15]]
    assert batch.first_tokens == 0


def test_another_batch_size_cuts_what_is_left_anew_in_stream_order() -> None:
    lanes = LaneReader(positions_stream([1] * 21))
    lanes.open(2)
    lanes.draw(8)  # leaves 8, 9 and 18, 19, and 20 behind the lanes
    lanes.open(1)
    batch = lanes.draw(16)
    assert rows_of(batch) == [[8, 9, 18, 19, 20]]
    assert batch.first_tokens == 1


def test_lanes_of_one_token_are_the_remainder() -> None:
    lanes = LaneReader(positions_stream([1] * 5))
    lanes.open(3)
    assert lanes.exhausted
    assert tokens_in(lanes.remainder()) == [0, 1, 2]


def test_more_rows_than_tokens_leave_everything_uncovered() -> None:
    lanes = LaneReader(positions_stream([1] * 5))
    lanes.open(8)
    assert lanes.exhausted
    assert lanes.remainder() == ()


@pytest.mark.parametrize("batch_size", [1, 2, 3, 7])
@pytest.mark.parametrize("seq_len", [2, 3, 16])
def test_tokens_of_several_bytes_are_counted_by_their_bytes(batch_size: int, seq_len: int) -> None:
    sizes = [1, 3, 2, 4] * 30
    stream = positions_stream(sizes)
    lanes = LaneReader(stream)
    lanes.open(batch_size)
    covered = 0
    while not lanes.exhausted:
        covered += stream.bytes_of(lanes.draw(seq_len).charged)
    left_over = len(sizes) % batch_size
    assert covered == sum(sizes[: len(sizes) - left_over])
