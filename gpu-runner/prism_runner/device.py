"""What a contestant's process computes on: the one module that tells `cpu` from `cuda`.

Theory of operation. The spec names the kind; on `cuda` each process has the device of its LOCAL_RANK, which is opened,
and has computed something, before any submitted code is imported: what is missing is then the host's fault. A model
that `build_model` returns is put there, tokens go there through page-locked memory, and logits come back a chunk at a
time through more of it, waited for before they are shown to the referee. On the CPU nothing is copied for that.

Does not: choose a device for submitted code, which may compute wherever it likes in its container.
"""

import ctypes
import json

import torch
from torch import Tensor
from torch.nn import Module

from prism_runner.gpu_facts import DeviceMissing, GpuFacts

NVML = "libnvidia-ml.so.1"  # comes with the driver
LONGEST_VERSION = 80


class Device:
    """One process's device."""

    def __init__(self, place: torch.device) -> None:
        self.place = place
        self.is_cuda = place.type == "cuda"

    @property
    def name(self) -> str:
        """`ctx.device`: `cpu`, or `cuda:0` with the process's own number."""
        return str(self.place)

    def put_model(self, model: Module) -> Module:
        """The model itself, with its parameters and buffers on the device; tensors that modules share stay shared."""
        if not self.is_cuda:
            return model
        return moved(model, self.place)

    def put_tokens(self, tokens: Tensor) -> Tensor:
        """(B, T) int64 of the host's memory, on the device."""
        return self.locked(tokens).copy_(tokens).to(self.place, non_blocking=True) if self.is_cuda else tokens

    def copy_out(self, part: Tensor, target: Tensor) -> None:
        """A chunk of logits, (n, V), into `target` of that form in the host's memory; all of it is there on return."""
        if not self.is_cuda:
            target.copy_(part)
            return
        staging = self.locked(part).copy_(part, non_blocking=True)
        self.settle()
        target.copy_(staging)

    def locked(self, like: Tensor) -> Tensor:
        """Page-locked memory of the host, of the form of `like`: the device copies from and to it by itself."""
        return torch.empty(like.shape, dtype=like.dtype, pin_memory=True)

    def settle(self) -> None:
        """Wait until the device has done what it was told to."""
        if self.is_cuda:
            torch.cuda.synchronize(self.place)

    def peak_bytes(self) -> int | None:
        """The most memory of the device that torch has held in this process; None on the CPU."""
        return torch.cuda.max_memory_reserved(self.place) if self.is_cuda else None

    def facts(self) -> GpuFacts | None:
        """Of the GPU; None on the CPU. Raises DeviceMissing where the driver can't be asked."""
        if not self.is_cuda:
            return None
        major, minor = torch.cuda.get_device_capability(self.place)
        return GpuFacts(
            name=torch.cuda.get_device_name(self.place),
            capability=f"{major}.{minor}",
            driver=driver_version(),
            cuda=str(torch.version.cuda),
            cudnn=str(torch.backends.cudnn.version()),  # type: ignore[no-untyped-call]
        )


HOST = Device(torch.device("cpu"))


def open_device(kind: str, local_rank: int = 0, processes: int = 1) -> Device:
    """The device of this process, one of `processes`, after it has computed something. Raises DeviceMissing."""
    if kind == "cpu":
        return HOST
    if not torch.backends.cuda.is_built():  # type: ignore[no-untyped-call]
        raise DeviceMissing("torch is built without CUDA in this image")
    if torch.cuda.device_count() < processes:
        raise DeviceMissing(f"{torch.cuda.device_count()} CUDA devices are here, {processes} are wanted")
    place = torch.device("cuda", local_rank)
    try:
        torch.cuda.set_device(place)
        torch.ones(1, device=place).sum().item()
    except (RuntimeError, AssertionError) as error:
        raise DeviceMissing(f"{place} doesn't work: {error}") from error
    return Device(place)


def moved(model: Module, place: torch.device) -> Module:
    """As `model.to(place)`, which would give each module that shares a buffer one of its own."""
    known: dict[int, tuple[Tensor, Tensor]] = {}  # by id of the tensor, which stays alive in here

    def there(tensor: Tensor) -> Tensor:
        if id(tensor) not in known:
            known[id(tensor)] = (tensor, tensor.to(place))
        return known[id(tensor)][1]

    model._apply(there)  # type: ignore[no-untyped-call]
    return model


def driver_version() -> str:
    """Of the kernel's driver, such as `550.54.15`. Raises DeviceMissing."""
    try:
        nvml = ctypes.CDLL(NVML)
    except OSError as error:
        raise DeviceMissing(f"{NVML} isn't here: {error}") from error
    version = ctypes.create_string_buffer(LONGEST_VERSION)
    failed = nvml.nvmlInit_v2() or nvml.nvmlSystemGetDriverVersion(version, LONGEST_VERSION)
    if failed:
        raise DeviceMissing(f"NVML can't be asked for the driver's version (error {failed})")
    return version.value.decode()


def look() -> int:
    """Say in one line what the container's first GPU is, or why there is none: an executor asks before it begins."""
    try:
        facts = open_device("cuda").facts()
    except DeviceMissing as missing:
        print(json.dumps({"missing": str(missing)}))
        return 1
    print(json.dumps({"gpu": facts.as_json() if facts else None}))
    return 0
