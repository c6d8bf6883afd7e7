"""What the two-seed audit sees, and what it takes for granted."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from attempts import GRU, run_attempt
from prism_runner.seed_audit import SeedAudit, audit, compare

WEIGHTS = torch.randn(100, 100, generator=torch.Generator().manual_seed(9))


def turns(count: int, width: int) -> Tensor:
    """A table as of rotary embeddings."""
    angles = angles_of(count, width)
    return torch.cat((angles.cos(), angles.sin()), 1)


def angles_of(count: int, width: int) -> Tensor:
    return torch.arange(count)[:, None] * 10_000 ** (-torch.arange(0, width, 2) / width)


def audited(fill: Callable[[], Tensor]) -> SeedAudit:
    def build(seed: int) -> nn.Module:
        torch.manual_seed(seed)
        model = nn.Linear(4, 4)
        model.register_buffer("table", fill())
        return model

    result = audit(build, (1, 2))
    assert result is not None
    return result


FORMULAS: dict[str, Callable[[], Tensor]] = {
    "ones": lambda: torch.ones(50, 3),
    "zeros": lambda: torch.zeros(50, 50),
    "a ramp": lambda: torch.arange(1000),
    "a mask": lambda: torch.ones(64, 64).tril().bool(),
    "rotary": lambda: turns(512, 64),
    "rotary, complex": lambda: torch.polar(torch.ones(512, 8), angles_of(512, 16)),
    "slopes": lambda: 2.0 ** -torch.arange(1, 33),
    "rows alike": lambda: torch.arange(1.0, 17).log().repeat(64, 1),
}


@pytest.mark.parametrize("fill", FORMULAS.values(), ids=FORMULAS)
def test_what_a_formula_gives_is_no_information(fill: Callable[[], Tensor]) -> None:
    assert audited(fill).information_bytes < 200


def test_what_is_drawn_is_no_information() -> None:
    drawn = audited(lambda: torch.cat((torch.randn(99, 100), torch.ones(1, 100))))
    assert (drawn.invariant_elements, drawn.elements) == (0, 10_020)
    assert drawn.information_bytes < 10


def test_weights_that_are_always_the_same_are_information() -> None:
    literal = audited(lambda: WEIGHTS)
    assert literal.invariant_elements == 10_000
    assert 30_000 < literal.information_bytes < 42_000
    coarse = audited(lambda: (WEIGHTS * 8).round() / 8)
    assert 5_000 < coarse.information_bytes < 12_000


def test_noise_over_weights_hides_part_of_them_only() -> None:
    slight = audited(lambda: WEIGHTS + 0.003 * torch.randn(100, 100))
    assert slight.invariant_elements == 10_000
    half = audited(lambda: WEIGHTS + torch.randn(100, 100))
    assert half.information_bytes == pytest.approx(-10_000 / 16 * math.log2(1 - 0.25), rel=0.2)


def test_a_build_that_fails_or_never_ends_has_no_audit(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(seed: int) -> nn.Module:
        raise ValueError(seed)

    def hangs(seed: int) -> nn.Module:
        import threading

        threading.Event().wait()
        return nn.Linear(1, 1)

    assert audit(fails, (1, 2)) is None
    monkeypatch.setattr("prism_runner.seed_audit.SECONDS", 0.2)
    assert audit(hangs, (1, 2)) is None


def test_tensors_of_one_build_only_are_left_out() -> None:
    other: dict[str, Tensor] = {"b": torch.ones(3), "a": torch.ones(2, 2), "": torch.tensor([4, 3])}
    assert compare({"a": WEIGHTS, "c": WEIGHTS, "": torch.tensor([10_000, 10_000])}, other) == SeedAudit(20_000, 0, 0)


def test_the_rest_of_a_large_tensor_is_taken_to_be_like_its_beginning() -> None:
    large = audited(lambda: WEIGHTS.repeat(10, 10)[:, None].expand(-1, 3, -1))
    assert large.invariant_elements == 3_000_000
    assert large.information_bytes > 100_000
    assert audited(lambda: WEIGHTS.new_zeros(2, 500_000)).information_bytes < 10


def manifest_of(model: str) -> Any:
    result = run_attempt(model, seedAudit=True)
    assert result.outcome == {"kind": "completed"}, result.contestant_log
    return result.manifest["anti_cheat"]["seed_audit"]


def test_a_run_that_is_asked_reports_it_and_one_that_is_not_does_not() -> None:
    claimed = manifest_of(GRU)
    assert claimed == {"elements": 43_648, "invariantElements": 0, "informationBytes": claimed["informationBytes"]}
    assert claimed["informationBytes"] < 50
    holds = "        self.register_buffer('w', torch.kept)\n        self.drop ="
    keeping = "import torch\ntorch.kept = torch.randn(64, 64)\n" + GRU.replace("        self.drop =", holds)
    assert manifest_of(keeping)["informationBytes"] < 50  # drawn with the seed, if not in build_model
    fixed = keeping.replace("(64, 64)", "(64, 64, generator=torch.Generator().manual_seed(1))")
    assert manifest_of(fixed)["informationBytes"] > 12_000
    assert run_attempt(GRU).manifest["anti_cheat"]["seed_audit"] is None
