"""One prediction by the submitted model, and the state that asking for it must not change.

Theory of operation. State is taken before a batch's first frame and put back before every frame and at the release:
torch, numpy and random generators, registered buffers by reference and value, training flags. It is put back by
replacing, never by writing into a buffer: a buffer may be part of a graph whose backward is still to come.
A buffer whose value is unchanged comes back as the same tensor, others as a copy of what they were.

With `reuse_forward` the loop trains on the prediction itself, so the model predicts as the loop left it: its own mode,
with autograd. Every frame begins with the same state, hence the same dropout masks; what the true frame leaves stays.

Does not cover: private torch.Generators, plain attributes, and buffers that didn't exist when the state was taken.
"""

import random
from typing import Any

import numpy
import torch
from torch import Tensor
from torch.nn import Module
from torch.nn.parameter import is_lazy

from prism_runner.context import ContractError


class ModelState:
    """The state of a model and of the global generators at one moment."""

    def __init__(self, model: Module) -> None:
        self._torch = torch.get_rng_state()
        self._cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []  # type: ignore[no-untyped-call]
        self._numpy: dict[str, Any] = numpy.random.get_state(legacy=False)
        self._python = random.getstate()
        self._flags = [(module, module.training) for module in model.modules()]
        self._values: dict[int, Tensor] = {}  # by id of the buffer, which self._buffers keeps alive
        self._buffers: list[tuple[Module, str, Tensor | None]] = []
        for module in model.modules():
            for name, buffer in module._buffers.items():
                if buffer is None or not is_lazy(buffer):  # an uninitialised buffer has no value yet
                    self._buffers.append((module, name, buffer))
                if buffer is not None and not is_lazy(buffer):
                    self._values[id(buffer)] = buffer.detach().clone()

    def put_back(self) -> None:
        """Bring everything back to that moment; may be called any number of times."""
        torch.set_rng_state(self._torch)
        torch.cuda.set_rng_state_all(self._cuda)
        numpy.random.set_state(self._numpy)
        random.setstate(self._python)
        for module, training in self._flags:
            module.training = training
        copies: dict[int, Tensor] = {}  # a buffer that two modules share stays shared
        for module, name, buffer in self._buffers:
            module._buffers[name] = None if buffer is None else self._as_it_was(buffer, copies)

    def _as_it_was(self, buffer: Tensor, copies: dict[int, Tensor]) -> Tensor:
        value = self._values[id(buffer)]
        if torch.equal(buffer.detach(), value):
            return buffer
        return copies.setdefault(id(buffer), value.clone())


def predict(model: Module, tokens: Tensor, vocab: int, reuse_forward: bool) -> Tensor:
    """The model's output (B, T, V) for tokens (B, T). Raises ContractError for anything else, integers and complex too.

    Under no_grad and eval(); to be reused, in the mode that the model is in, with its graph.
    """
    if not reuse_forward:
        model.eval()
    with torch.set_grad_enabled(reuse_forward):
        logits = model(tokens)
    if not isinstance(logits, Tensor):
        raise ContractError(f"the model returned {type(logits).__name__}; it must return a tensor (B, T, V)")
    wanted = (*tokens.shape, vocab)
    if tuple(logits.shape) != wanted:
        raise ContractError(f"the model returned a tensor of shape {tuple(logits.shape)}; it must be {wanted}")
    if not logits.is_floating_point() or logits.element_size() == 1:
        raise ContractError(f"the model returned {logits.dtype}; it must be float32 or bfloat16")
    return logits


def as_sent(logits: Tensor) -> Tensor:
    """Logits without their graph, in a type that the referee takes: bfloat16 as it is, others as float32."""
    plain = logits.detach()
    return plain if plain.dtype in (torch.float32, torch.bfloat16) else plain.to(torch.float32)


def count_parameters(model: Module) -> int:
    """Elements of all parameters and buffers, shared ones counted once; what isn't realised yet counts 0."""
    tensors = [*model.parameters(), *model.buffers()]
    return sum(tensor.numel() for tensor in tensors if not is_lazy(tensor))
