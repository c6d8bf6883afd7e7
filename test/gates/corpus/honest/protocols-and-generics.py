from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Callable, Generic, Iterable, Literal, Protocol, TypeVar

import torch

if TYPE_CHECKING:
    from prism_challenge.evaluator.interface import PrismBatch, PrismContext

T = TypeVar("T")
Mode = Literal["train", "eval", "compile", "open"]


class Schedule(Protocol):
    def __call__(self, progress: float) -> float: ...


class Registry(Generic[T]):
    def __init__(self) -> None:
        self.entries: dict[str, T] = {}

    def register(self, name: str) -> Callable[[T], T]:
        def add(value: T) -> T:
            self.entries[name] = value
            return value

        return add

    def __getitem__(self, name: str) -> T:
        return self.entries[name]


schedules: Registry[Schedule] = Registry()


@schedules.register("linear")
def linear(progress: float) -> float:
    return 1.0 - progress


class Trainer(ABC):
    mode: Mode = "train"

    def __init__(self, ctx: PrismContext, **options: Any) -> None:
        self.ctx, self.options = ctx, options

    @abstractmethod
    def step(self, batch: PrismBatch) -> torch.Tensor: ...

    def run(self, batches: Iterable[PrismBatch]) -> None:
        for batch in batches:
            self.step(batch)


__all__ = ["Trainer", "linear"]
