"""Decoys stand where the key says: one in every unit of Lambda, ascending uniform cuts, and the first batch has one."""

import json
from itertools import accumulate
from pathlib import Path

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prism_runner.decoys import Placement, decoy_cuts, decoy_tokens, unit_uniform

FIXTURE = json.loads((Path(__file__).parent.parent / "fixtures/decoys.json").read_bytes())
KEY = bytes(range(32))


@given(
    key=st.binary(min_size=32, max_size=32),
    frames_per_batch=st.sampled_from([0.05, 0.25, 1.0]),
    cuts_per_megabyte=st.sampled_from([0.0, 1000.0, 8000.0]),
    batches=st.lists(st.tuples(st.integers(1, 100_000), st.integers(1, 512)), min_size=1, max_size=60),
)
def test_every_unit_of_lambda_has_one_decoy_and_the_first_batch_has_one(
    key: bytes, frames_per_batch: float, cuts_per_megabyte: float, batches: list[tuple[int, int]]
) -> None:
    placement = Placement(key, cuts_per_megabyte, frames_per_batch)
    taken = [placement.take(new_bytes, rows) for new_bytes, rows in batches]
    wanted = [max(frames_per_batch, cuts_per_megabyte * new_bytes / 1e6 / rows) for new_bytes, rows in batches]
    wanted[0] = max(wanted[0], 1.0)
    assert taken[0] >= 1
    for so_far, sum_wanted in zip(accumulate(taken), accumulate(wanted), strict=True):
        assert int(sum_wanted) <= so_far <= int(sum_wanted) + 1


@pytest.mark.parametrize(
    ("cuts_per_megabyte", "frames_per_batch", "rows", "expected"),
    [
        (1000, 0.25, 16, 1000),
        (8000, 1, 16, 8000),
        (100, 0.25, 512, 0.25 * 512 / (512 * 255) * 1e6),
        (0, 1, 2, 1e6 / 255),
    ],
)
def test_a_megabyte_gets_the_cuts_that_policy_asks_for_or_the_floor(
    cuts_per_megabyte: float, frames_per_batch: float, rows: int, expected: float
) -> None:
    placement = Placement(KEY, cuts_per_megabyte, frames_per_batch)
    new_bytes = rows * 255
    batches = 2000
    cuts = rows * sum(placement.take(new_bytes, rows) for _ in range(batches))
    assert cuts / (batches * new_bytes / 1e6) == pytest.approx(expected, rel=0.02)


@given(
    key=st.binary(min_size=1, max_size=40),
    batch=st.integers(0, 10**6),
    frames=st.integers(0, 5),
    rows=st.integers(1, 40),
    length=st.integers(2, 40),
)
def test_cuts_ascend_in_every_row_and_a_decoy_is_true_before_them(
    key: bytes, batch: int, frames: int, rows: int, length: int
) -> None:
    cuts = decoy_cuts(key, batch, frames, rows, length)
    assert cuts.shape == (frames, rows)
    assert (numpy.diff(cuts, axis=0) >= 0).all()
    assert ((cuts >= 1) & (cuts < length)).all()
    true = numpy.full((rows, length), 99, dtype=numpy.int64)
    for frame, frame_cuts in enumerate(cuts):
        tokens = decoy_tokens(key, batch, frame, 50, frame_cuts, true)
        assert [(row == 99).sum() for row in tokens] == frame_cuts.tolist()
        assert (tokens[tokens != 99] < 50).all()
        assert (tokens == decoy_tokens(key, batch, frame, 50, frame_cuts, true)).all()


def test_rows_of_two_tokens_are_cut_before_the_second() -> None:
    cuts = decoy_cuts(KEY, 0, 3, 4, 2)
    assert (cuts == 1).all()
    tokens = decoy_tokens(KEY, 0, 0, 2**16, cuts[0], numpy.full((4, 2), -1, dtype=numpy.int64))
    assert (tokens[:, 0] == -1).all()
    assert (tokens[:, 1] >= 0).all()


def chi_square(counts: "numpy.ndarray[tuple[int, ...], numpy.dtype[numpy.int64]]") -> float:
    expected = counts.sum() / counts.size
    return float(((counts - expected) ** 2 / expected).sum())


def test_cuts_and_tokens_are_uniform() -> None:
    """Chi-square over fixed keys: 30 and 255 degrees of freedom, both below their 99.9 % quantiles."""
    cuts = numpy.concatenate([decoy_cuts(bytes([key]) * 32, key, 1, 64, 32) for key in range(200)])
    assert chi_square(numpy.bincount(cuts.ravel(), minlength=32)[1:]) < 59.7
    blank = numpy.zeros((64, 32), dtype=numpy.int64)
    from_the_start = numpy.zeros(64, dtype=numpy.int64)
    tokens = [decoy_tokens(bytes([key]) * 32, key, 0, 256, from_the_start, blank) for key in range(200)]
    assert chi_square(numpy.bincount(numpy.concatenate(tokens).ravel(), minlength=256)) < 330.5


def test_places_are_uniform_within_their_unit() -> None:
    tenths = numpy.array(
        [int(10 * unit_uniform(bytes([key]) * 32, index)) for key in range(50) for index in range(100)]
    )
    assert chi_square(numpy.bincount(tenths, minlength=10)) < 27.9


def test_another_key_batch_or_frame_draws_another_decoy() -> None:
    blank = numpy.zeros((8, 64), dtype=numpy.int64)
    start = numpy.zeros(8, dtype=numpy.int64)
    drawn = [
        decoy_tokens(key, batch, frame, 256, start, blank).tobytes()
        for key, batch, frame in [(KEY, 1, 1), (KEY, 1, 2), (KEY, 2, 1), (KEY, 11, 1), (KEY[::-1], 1, 1)]
    ]
    assert len(set(drawn)) == len(drawn)


def test_the_reference_vector_is_met() -> None:
    key = bytes.fromhex(FIXTURE["cutKey"])
    placement = Placement(key, FIXTURE["cutsPerMegabyte"], FIXTURE["framesPerBatch"])
    for index, batch in enumerate(FIXTURE["batches"]):
        frames, rows, length = len(batch["frames"]), batch["rows"], batch["length"]
        assert placement.take(batch["bytes"], rows) == frames
        cuts = decoy_cuts(key, index, frames, rows, length)
        true = numpy.array(batch["tokens"], dtype=numpy.int64)
        for frame, expected in enumerate(batch["frames"]):
            assert cuts[frame].tolist() == expected["cuts"]
            tokens = decoy_tokens(key, index, frame, FIXTURE["vocab"], cuts[frame], true)
            assert tokens.tolist() == expected["tokens"]
