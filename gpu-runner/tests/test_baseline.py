"""The baseline is the plain definition, token by token, and sees nothing of what comes later."""

import math
from array import array
from collections import Counter

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prism_runner import baseline
from prism_runner.baseline import PSEUDO_COUNT, baseline_costs
from prism_runner.stream import TokenStream
from prism_runner.tokenizers import byte_stream


def by_definition(tokens: list[int], vocab: int, order: int) -> list[int]:
    seen: Counter[tuple[int, ...]] = Counter()  # grams, and contexts that something followed with -1 at the end
    padded = [-2] * order + tokens
    costs = []
    for at in range(order, len(padded)):
        p = 1 / vocab
        for k in range(order + 1):
            context = tuple(padded[at - k : at])
            p = (seen[*context, padded[at]] + PSEUDO_COUNT * p) / (seen[*context, -1] + PSEUDO_COUNT)
            seen[*context, padded[at]] += 1
            seen[*context, -1] += 1
        costs.append(round(-math.log(p) * 1e6))
    return costs


@given(st.text(alphabet="ab the\n", max_size=400))
def test_costs_are_the_definition_s(text: str) -> None:
    raw = text.encode()
    expected = by_definition(list(raw), 256, 4)
    assert numpy.abs(baseline_costs(byte_stream(raw)).astype(numpy.int64) - expected).max(initial=0) <= 1


def test_large_vocabularies_have_shorter_contexts() -> None:
    tokens = [(7 * at * at) % 40 + 1000 for at in range(600)]
    stream = TokenStream(array("I", tokens), range(601), 50_257)
    assert numpy.abs(baseline_costs(stream).astype(numpy.int64) - by_definition(tokens, 50_257, 2)).max() <= 1


@pytest.mark.parametrize("block_bits", [0, 3, 5])
def test_the_blocks_don_t_show(monkeypatch: pytest.MonkeyPatch, block_bits: int) -> None:
    raw = b"in the beginning was the word, and the word was with god, and the word was god. " * 3
    whole = baseline_costs(byte_stream(raw))
    monkeypatch.setattr(baseline, "BLOCK_BITS", block_bits)
    assert (baseline_costs(byte_stream(raw)) == whole).all()


@given(st.binary(max_size=200), st.binary(max_size=200), st.binary(max_size=200))
def test_a_cost_depends_on_the_past_and_the_token_alone(past: bytes, one: bytes, other: bytes) -> None:
    size = len(past)
    costs = [baseline_costs(byte_stream(past + later))[:size] for later in (one, other)]
    assert (costs[0] == costs[1]).all()


def test_what_repeats_becomes_cheap_and_the_first_token_costs_the_uniform_code() -> None:
    costs = baseline_costs(byte_stream(b"0123456789" * 500))
    assert costs[0] == round(math.log(256) * 1e6)
    assert costs[-1000:].max() < 200_000


def test_an_empty_stream_has_no_costs() -> None:
    assert baseline_costs(byte_stream(b"")).shape == (0,)
