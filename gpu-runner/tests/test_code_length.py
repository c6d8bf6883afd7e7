"""Costs agree with the definition in float64, and no logit is beyond them."""

import math

import pytest
import torch

from prism_runner.code_length import EPSILON, token_costs, uniform_cost


def by_definition(logits: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
    p = torch.softmax(logits.double(), dim=1).gather(1, tokens.unsqueeze(1)).squeeze(1)
    return -torch.log((1 - EPSILON) * p + EPSILON / logits.shape[1]) * 1e6


@pytest.mark.parametrize("vocab", [2, 256, 50_257])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_costs_are_the_definition_s_to_within_two_microNats(vocab: int, dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(1)
    logits = (torch.randn(300, vocab, generator=generator) * 4).to(dtype)
    tokens = torch.randint(0, vocab, (300,), generator=generator)
    costs = token_costs(logits, tokens)
    assert costs.micro_nats.dtype == torch.int64
    assert (costs.micro_nats - by_definition(logits.float(), tokens)).abs().max() <= 2
    assert not costs.unusable.any()


def test_equal_logits_cost_the_uniform_code() -> None:
    costs = token_costs(torch.full((3, 256), 7.0), torch.tensor([0, 100, 255]))
    assert costs.micro_nats.tolist() == [uniform_cost(256)] * 3


def test_a_certain_and_wrong_prediction_costs_the_bound() -> None:
    logits = torch.full((1, 256), -1e30)
    logits[0, 3] = 1e30
    bound = round(-math.log(EPSILON / 256) * 1e6)
    assert token_costs(logits, torch.tensor([5])).micro_nats.item() == bound
    assert token_costs(logits, torch.tensor([3])).micro_nats.item() < 300


def test_minus_infinity_is_probability_zero_for_that_class_alone() -> None:
    logits = torch.zeros(2, 4)
    logits[:, 0] = -math.inf
    costs = token_costs(logits, torch.tensor([0, 1]))
    assert costs.micro_nats.tolist() == [
        round(-math.log(EPSILON / 4) * 1e6),
        round(-math.log((1 - EPSILON) / 3 + EPSILON / 4) * 1e6),
    ]
    assert not costs.unusable.any()


@pytest.mark.parametrize("poison", [math.nan, math.inf])
@pytest.mark.parametrize("at", [0, 2])
def test_a_row_that_is_no_distribution_has_probability_zero(poison: float, at: int) -> None:
    logits = torch.zeros(3, 4)
    logits[1, at] = poison
    costs = token_costs(logits, torch.tensor([2, 2, 2]))
    assert costs.unusable.tolist() == [False, True, False]
    assert costs.micro_nats.tolist()[1] == round(-math.log(EPSILON / 4) * 1e6)
    assert costs.micro_nats.tolist()[0] == uniform_cost(4)


def test_a_row_of_minus_infinity_is_no_distribution() -> None:
    costs = token_costs(torch.full((1, 4), -math.inf), torch.tensor([0]))
    assert costs.unusable.tolist() == [True]


def test_the_code_is_proper() -> None:
    logits = torch.randn(1, 64, generator=torch.Generator().manual_seed(2)) * 10
    costs = token_costs(logits.expand(64, 64), torch.arange(64))
    assert sum(math.exp(-cost / 1e6) for cost in costs.micro_nats.tolist()) == pytest.approx(1, abs=1e-4)
