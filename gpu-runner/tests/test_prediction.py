"""State is put back by replacing, never by writing; parameters are counted as they are realised."""

import random

import numpy
import pytest
import torch
from torch import Tensor, nn

from prism_runner.context import ContractError
from prism_runner.prediction import ModelState, as_sent, count_parameters, predict


class Stateful(nn.Module):
    """Changes all that it may change; `mode` says how its buffer is changed."""

    state: Tensor
    empty: Tensor | None

    def __init__(self, mode: str) -> None:
        super().__init__()
        self.mode = mode
        self.register_buffer("state", torch.zeros(2))
        self.register_buffer("empty", None)

    def forward(self, tokens: Tensor) -> Tensor:
        torch.rand(1)
        random.random()
        numpy.random.rand()
        state = self.state
        if self.mode == "in place":
            state.add_(1)
        elif self.mode == "behind its back":
            state.data.add_(1)
        elif self.mode == "replaced":
            self.state = state + 1
        self.empty = torch.ones(1)
        return torch.zeros(*tokens.shape, 4)


@pytest.mark.parametrize("mode", ["in place", "behind its back", "replaced", "untouched"])
def test_state_comes_back_by_reference_where_untouched_and_by_value_where_not(mode: str) -> None:
    model = Stateful(mode)
    model.train()
    before = model.state
    generators = (torch.get_rng_state(), random.getstate(), numpy.random.get_state(legacy=False))
    state = ModelState(model)
    for _ in range(2):
        predict(model, torch.zeros(2, 3, dtype=torch.int64), 4, reuse_forward=False)
        assert not model.training
        state.put_back()
        assert model.training
        assert model.state.tolist() == [0, 0]
        assert model.empty is None
        assert torch.equal(torch.get_rng_state(), generators[0])
        assert random.getstate() == generators[1]
        assert str(numpy.random.get_state(legacy=False)) == str(generators[2])
    assert (model.state is before) == (mode in ("replaced", "untouched"))


def test_putting_back_does_not_break_a_graph_that_holds_the_buffer() -> None:
    model = Stateful("replaced")
    weight = torch.ones(2, requires_grad=True)
    model.state = weight * 2
    loss = (model.state**2).sum()
    state = ModelState(model)
    predict(model, torch.zeros(2, 3, dtype=torch.int64), 4, reuse_forward=False)
    state.put_back()
    loss.backward()  # type: ignore[no-untyped-call]
    assert weight.grad is not None
    assert weight.grad.tolist() == [8, 8]


def test_a_buffer_that_two_modules_share_stays_shared() -> None:
    model = nn.Sequential(Stateful("in place"), Stateful("untouched"))
    model[1].state = model[0].state
    state = ModelState(model)
    model[0](torch.zeros(1, 1))
    state.put_back()
    assert model[0].state is model[1].state


def test_shared_tensors_count_once_and_lazy_ones_once_they_are_realised() -> None:
    model = nn.Sequential(nn.Linear(3, 4, bias=False), nn.LazyLinear(2), nn.BatchNorm1d(2))
    tied = nn.ModuleList([model, model[0]])
    assert count_parameters(tied) == 12 + (2 + 2 + 2 + 2 + 1)
    model(torch.zeros(5, 3))
    assert count_parameters(tied) == 12 + (4 * 2 + 2) + 9


def test_other_float_types_become_float32_and_the_rest_is_refused() -> None:
    tokens = torch.zeros(2, 3, dtype=torch.int64)
    for given, passed in [
        (torch.float64, torch.float32),
        (torch.float16, torch.float32),
        (torch.bfloat16, torch.bfloat16),
    ]:
        assert as_sent(predict(Constant(given), tokens, 4, reuse_forward=False)).dtype == passed
    for refused in (torch.complex64, torch.int64, torch.float8_e5m2):
        with pytest.raises(ContractError, match=str(refused)):
            predict(Constant(refused), tokens, 4, reuse_forward=False)


@pytest.mark.parametrize("training", [True, False])
def test_to_be_reused_the_model_predicts_in_the_mode_it_is_in_and_keeps_the_graph(training: bool) -> None:
    model = nn.Sequential(nn.Embedding(4, 4), nn.Dropout(0.5))
    model.train(training)
    tokens = torch.zeros(2, 3, dtype=torch.int64)
    state = ModelState(model)
    outputs = []
    for _ in range(2):
        state.put_back()
        with torch.no_grad():  # of whoever called
            outputs.append(predict(model, tokens, 4, reuse_forward=True))
        assert model.training == training
    assert outputs[0].requires_grad
    assert not as_sent(outputs[0]).requires_grad
    assert torch.equal(outputs[0], outputs[1])
    assert bool((outputs[0] == 0).any()) == training
    outputs[1].sum().backward()  # type: ignore[no-untyped-call]
    assert not predict(model, tokens, 4, reuse_forward=False).requires_grad


class Constant(nn.Module):
    """Zeros of one type."""

    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__()
        self.dtype = dtype

    def forward(self, tokens: Tensor) -> Tensor:
        return torch.zeros(*tokens.shape, 4, dtype=self.dtype)
