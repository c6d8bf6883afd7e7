"""A model's state as safetensors bytes, and back: every parameter and every buffer, whether persistent or not.

Theory of operation. A tensor that has several names (tied weights) is stored once; the other names stand in the file's
metadata, alias to name. Names and tensors are read off the modules, not from `state_dict()`, which submitted code may
redefine. Going back is strict: every parameter of the new model must be there in its shape, and every name must find
its module. Buffers are as they were: state that is carried along lanes has as many rows as the last batch, or isn't
there before the first one, so a stored buffer takes the place of the new model's, and one that isn't stored is None.

Does not cover: plain attributes and `get_extra_state`.
"""

import json
import struct
from collections.abc import Iterator
from weakref import WeakSet

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor
from torch.nn import Module
from torch.nn.parallel import DistributedDataParallel
from torch.nn.parameter import UninitializedParameter, is_lazy

from prism_runner.context import ContractError


def exported_module(iterated: Module, built: "WeakSet[Module]") -> Module:
    """The model whose state is exported: of what the iterator was given, the part that `ctx.build_model` returned.

    Where no part did (the training script built it another way), all of it, without DistributedDataParallel's wrap.
    """
    for module in iterated.modules():
        if module in built:
            return module
    return iterated.module if isinstance(iterated, DistributedDataParallel) else iterated


def pack(model: Module) -> bytes:
    """The state's bytes. Raises ContractError for a tensor that safetensors can't hold."""
    stored_as: dict[tuple[object, ...], str] = {}  # by where a tensor lies in memory
    tensors: dict[str, Tensor] = {}
    aliases: dict[str, str] = {}
    for name, tensor in named_tensors(model):
        if is_lazy(tensor):
            raise ContractError(f"{name} has no value: the model was never used")
        value = tensor.detach()
        place = (value.data_ptr(), value.dtype, value.shape, value.stride()) if value.numel() else (name,)
        if place in stored_as:
            aliases[name] = stored_as[place]
        else:
            stored_as[place] = name
            tensors[name] = value.cpu().contiguous()
    try:
        return save(_apart(tensors), aliases)
    except (SafetensorError, KeyError, ValueError) as error:
        raise ContractError(f"the model's state can't be exported: {error}") from error


def unpack_into(model: Module, raw: bytes) -> None:
    """Give the model, newly built, the state in `raw`. Raises ContractError, which names the first difference."""
    try:
        stored = load(raw)
    except SafetensorError as error:
        raise ContractError(f"the exported state isn't a safetensors file: {error}") from error
    stored |= {alias: stored[name] for alias, name in _aliases(raw).items()}
    for name, _ in model.named_parameters(remove_duplicate=False):
        if name not in stored:
            raise ContractError(f"the exported state lacks {name}")
    modules = dict(model.named_modules(remove_duplicate=False))
    for module in modules.values():
        module._buffers.update(dict.fromkeys(module._buffers))  # each comes back below, if it is stored
    for name, value in stored.items():
        owner, _, own_name = name.rpartition(".")
        if owner not in modules:
            raise ContractError(f"the exported state has {name}, which build_model hasn't")
        _put(modules[owner], own_name, name, value)


def named_tensors(model: Module) -> Iterator[tuple[str, Tensor]]:
    """Every parameter and buffer under each of its names, in the modules' order."""
    yield from model.named_parameters(remove_duplicate=False)
    yield from model.named_buffers(remove_duplicate=False)


def _put(owner: Module, own_name: str, name: str, value: Tensor) -> None:
    parameter = owner._parameters.get(own_name)
    if parameter is None:
        device = next((known.device for known in owner.parameters()), value.device)
        owner._buffers[own_name] = value.to(device)
        return
    if isinstance(parameter, UninitializedParameter):
        parameter.materialize(value.shape, dtype=value.dtype)
    if parameter.shape != value.shape:
        shapes = f"{tuple(value.shape)} in the exported state, {tuple(parameter.shape)} in build_model"
        raise ContractError(f"{name} has shape {shapes}")
    with torch.no_grad():
        parameter.copy_(value)


def _apart(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The same tensors, none sharing memory with another: safetensors refuses views of one storage."""
    seen: set[int] = set()
    apart: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        storage = tensor.untyped_storage()
        apart[name] = tensor.clone() if storage.data_ptr() in seen else tensor
        seen.add(storage.data_ptr())
    return apart


def _aliases(raw: bytes) -> dict[str, str]:
    """The file's metadata, which `load` leaves out."""
    (size,) = struct.unpack("<Q", raw[:8])
    return dict(json.loads(raw[8 : 8 + size]).get("__metadata__", {}))
