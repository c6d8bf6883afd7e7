"""What is computed on: the host as ever, a GPU as far as it can be told without one, and a missing one is our fault."""

import ctypes
import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from attempts import GRU, TRAIN, run_attempt
from heldout_attempts import run_held_out
from prism_runner import contestant, determinism, device
from prism_runner.adapter import Adapter, Terms
from prism_runner.device import HOST, Device, driver_version, moved, open_device
from prism_runner.fields import FieldError
from prism_runner.gpu_facts import DeviceMissing, heard_ready
from prism_runner.spec import parse_spec

GPU = {"name": "Stand-in", "capability": "9.0", "driver": "550.54.15", "cuda": "12.6", "cudnn": "90100"}
ON_CUDA = {"device": "cuda", "backend": "nccl"}
MODEL = GRU.replace("nn.Dropout(0.1)", "nn.Dropout(0)")


class StandIn(Device):
    """The host's memory in the place of a GPU's: every step is taken, and page-locked memory is ordinary memory."""

    def __init__(self) -> None:
        super().__init__(torch.device("cpu"))
        self.is_cuda = True
        self.locked_bytes = 0

    @property
    def name(self) -> str:
        return "cuda:0"

    def locked(self, like: Tensor) -> Tensor:
        self.locked_bytes += like.numel() * like.element_size()
        return torch.full_like(like, 77)


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> StandIn:
    """What a contestant opens for `cuda`. Tests fork their contestants, so that it is there, too."""
    there = StandIn()
    monkeypatch.setattr(contestant, "open_device", lambda kind, rank, processes: there if kind == "cuda" else HOST)
    monkeypatch.setattr(device, "driver_version", lambda: GPU["driver"])
    monkeypatch.setattr(torch.version, "cuda", GPU["cuda"])
    monkeypatch.setattr(torch.backends.cudnn, "version", lambda: int(GPU["cudnn"]))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: GPU["name"])
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (9, 0))
    monkeypatch.setattr(torch.cuda, "max_memory_reserved", lambda _: 12_345_678)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda _: None)
    return there


# --- whole attempts -------------------------------------------------------------------------------------------------


def test_an_attempt_on_a_gpu_leaves_the_same_record_and_says_what_it_ran_on(stand_in: StandIn) -> None:
    loop = TRAIN.replace(
        "    model =", "    assert (ctx.device, ctx.distributed_backend) == ('cuda:0', 'nccl')\n    model ="
    )
    on_gpu = run_attempt(MODEL, loop, exportState=True, **ON_CUDA)
    assert on_gpu.outcome == {"kind": "completed"}, (on_gpu.outcome, on_gpu.contestant_log)
    loop = TRAIN.replace(
        "    model =", "    assert (ctx.device, ctx.distributed_backend) == ('cpu', 'gloo')\n    model ="
    )
    on_cpu = run_attempt(MODEL, loop, exportState=True)
    # Of another bundle, hence the code hash: all that was measured is the same.
    assert on_gpu.record is not None
    assert on_cpu.record is not None
    assert [on_gpu.record[key] for key in ("batches", "groups")] == [
        on_cpu.record[key] for key in ("batches", "groups")
    ]
    assert on_gpu.manifest["stateDigest"] == on_cpu.manifest["stateDigest"]
    platforms = [result.manifest["provenance"]["platform"] for result in (on_gpu, on_cpu)]
    assert platforms[0] == {**platforms[1], "device": "cuda", "gpu": GPU}
    assert on_gpu.manifest["compute"]["peak_vram_bytes"] == 12_345_678
    assert "peak_vram_bytes" not in on_cpu.manifest["compute"]


def test_an_attempt_whose_gpu_is_missing_is_our_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.cuda, "is_built", lambda: False)
    result = run_attempt("raise SystemExit('submitted code ran')", TRAIN, **ON_CUDA)
    assert result.outcome == {"kind": "fault", "message": "DeviceMissing: torch is built without CUDA in this image"}
    assert "submitted code ran" not in result.contestant_log
    assert "gpu" not in result.manifest["provenance"]["platform"]


def test_the_two_seed_audit_builds_on_the_host(stand_in: StandIn) -> None:
    """A fork can't use the device that its parent has opened."""
    wider = "if ctx.device != 'cpu':\n        model.register_buffer('seven', torch.ones(7))"
    model = GRU.replace("return Tiny(", f"model = Tiny(ctx.vocab_size)\n    {wider}\n    return model\n    Tiny(")
    result = run_attempt(model, TRAIN, seedAudit=True, **ON_CUDA)
    assert result.outcome == {"kind": "completed"}, result.contestant_log
    assert result.manifest["anti_cheat"]["seed_audit"]["elements"] == result.manifest["compute"]["parameters"] - 7


def test_a_held_out_run_on_a_gpu_measures_the_same(stand_in: StandIn) -> None:
    trained = run_attempt(MODEL, TRAIN, exportState=True)
    assert trained.state is not None
    assert set(load_file(trained.state)) >= {"embed.weight"}
    on_gpu, on_cpu = (run_held_out(trained.state, MODEL, spec=spec) for spec in (ON_CUDA, {}))
    assert on_gpu.result["verdict"] == "measured"
    assert on_gpu.result["delta"] == on_cpu.result["delta"]
    assert on_gpu.result["provenance"]["platform"]["gpu"] == GPU


def test_a_held_out_run_whose_gpu_is_missing_is_our_fault(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(torch.backends.cuda, "is_built", lambda: False)
    state = tmp_path / "state.safetensors"
    state.write_bytes(b"\x02\0\0\0\0\0\0\0{}")
    result = run_held_out(state, MODEL, spec=ON_CUDA).result
    assert (result["verdict"], result["reason"]) == ("fault", "DeviceMissing")


# --- what is missing ------------------------------------------------------------------------------------------------


def test_no_device_is_opened_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.cuda, "is_built", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(DeviceMissing, match="1 CUDA devices are here, 2 are wanted"):
        open_device("cuda", 0, 2)

    def broken(place: torch.device) -> None:
        raise RuntimeError(f"CUDA error on {place}")

    monkeypatch.setattr(torch.cuda, "set_device", broken)
    with pytest.raises(DeviceMissing, match="cuda:0 doesn't work: CUDA error"):
        open_device("cuda", 0, 1)


def test_each_process_opens_the_device_of_its_own_number(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen: list[torch.device] = []
    monkeypatch.setattr(torch.backends.cuda, "is_built", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    monkeypatch.setattr(torch, "ones", lambda size, device: torch.zeros(size))
    assert [open_device("cuda", rank, 4).name for rank in range(4)] == ["cuda:0", "cuda:1", "cuda:2", "cuda:3"]
    assert [place.index for place in chosen] == [0, 1, 2, 3]
    assert open_device("cpu") is HOST
    assert (HOST.name, HOST.facts(), HOST.peak_bytes()) == ("cpu", None, None)


class Nvml:
    """Enough of the driver's library."""

    def __init__(self, error: int) -> None:
        self.error = error

    def nvmlInit_v2(self) -> int:
        return 0

    def nvmlSystemGetDriverVersion(self, version: Any, size: int) -> int:
        assert size == ctypes.sizeof(version)
        version.value = b"550.54.15"
        return self.error


def test_the_driver_says_its_version_or_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _: Nvml(0))
    assert driver_version() == "550.54.15"
    monkeypatch.setattr(ctypes, "CDLL", lambda _: Nvml(9))
    with pytest.raises(DeviceMissing, match="error 9"):
        driver_version()
    monkeypatch.undo()
    monkeypatch.setattr(device, "NVML", "libnot-there.so.1")
    with pytest.raises(DeviceMissing, match=r"libnot-there.so.1 isn't here"):
        driver_version()


def test_a_look_says_in_one_line_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(torch.backends.cuda, "is_built", lambda: False)
    assert device.look() == 1
    assert json.loads(capsys.readouterr().out) == {"missing": "torch is built without CUDA in this image"}


def test_ready_tells_of_a_gpu_exactly_where_one_was_asked_for() -> None:
    assert heard_ready({"kind": "ready", "gpu": GPU}, "cuda") == GPU
    assert heard_ready({"kind": "ready"}, "cpu") is None
    with pytest.raises(FieldError, match="gpu"):
        heard_ready({"kind": "ready"}, "cuda")
    with pytest.raises(DeviceMissing, match="fell off"):
        heard_ready({"kind": "unfit", "reason": "it fell off the bus"}, "cuda")


# --- the steps ------------------------------------------------------------------------------------------------------


class Heard:
    """A referee that copies every chunk out."""

    def __init__(self, slots: list[Tensor], vocab: int) -> None:
        self.slots, self.vocab = slots, vocab
        self.taken: list[Tensor] = []

    def send(self, header: Any, deadline: float, body: bytes | memoryview = b"") -> None:
        dtype = getattr(torch, header["dtype"])
        size = header["count"] * self.vocab * dtype.itemsize
        self.taken.append(self.slots[header["slot"]][:size].view(dtype).view(-1, self.vocab).clone())

    def receive(self, deadline: float, longest_body: Any = None) -> tuple[dict[str, object], bytearray]:
        return {"kind": "took"}, bytearray()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_logits_come_out_of_a_gpu_as_they_are(stand_in: StandIn, dtype: torch.dtype) -> None:
    logits = torch.randn(3, 5, 11).to(dtype)
    for place in (HOST, stand_in):
        slots = [torch.zeros(4 * 11 * 4, dtype=torch.uint8) for _ in range(2)]
        heard = Heard(slots, 11)
        Adapter(heard, slots, Terms(1, place, "bytes", 11)).send_logits(1, logits)
        assert len(heard.taken) > 1
        assert torch.equal(torch.cat(heard.taken), logits.reshape(-1, 11))
    assert stand_in.locked_bytes == logits.numel() * logits.element_size()


def test_tokens_reach_a_gpu_as_they_are(stand_in: StandIn) -> None:
    tokens = torch.arange(12).view(3, 4)
    assert torch.equal(stand_in.put_tokens(tokens), tokens)
    assert stand_in.locked_bytes == 12 * 8
    assert HOST.put_tokens(tokens) is tokens


class Sharing(nn.Module):
    """Two modules with one table, beside tied weights."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.other = nn.Linear(2, 2), nn.Linear(2, 2)
        self.other.weight = self.one.weight
        self.one.register_buffer("table", torch.arange(4.0))
        self.other.register_buffer("table", self.one.table)


def test_a_model_that_moves_keeps_its_identity_and_what_its_modules_share() -> None:
    model = Sharing()
    weight = model.one.weight
    assert moved(model, torch.device("cpu")) is model
    assert model.one.weight is weight
    moved(model, torch.device("meta"))
    assert {tensor.device.type for tensor in (*model.parameters(), *model.buffers())} == {"meta"}
    assert model.one.table is model.other.table


def test_a_lazy_model_moves_before_it_has_a_shape() -> None:
    model = nn.Sequential(nn.LazyLinear(3))
    moved(model, torch.device("meta"))
    assert model[0].weight.device.type == "meta"
    assert HOST.put_model(model) is model


def test_what_cublas_reads_is_set_again_before_submitted_code(monkeypatch: pytest.MonkeyPatch) -> None:
    seeds: list[int] = []
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", "")
    monkeypatch.setattr(torch, "set_num_interop_threads", lambda _: None)  # once a process
    monkeypatch.setattr(torch.cuda, "manual_seed_all", seeds.append)
    was_deterministic = torch.are_deterministic_algorithms_enabled()
    try:
        determinism.force(11, 1)
        assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"
        assert torch.are_deterministic_algorithms_enabled()
        assert set(seeds) == {11}
        tf32 = (torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32)
        assert tf32 == (False, False)
        assert (torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark) == (True, False)
    finally:
        torch.use_deterministic_algorithms(was_deterministic)


@pytest.mark.parametrize(("kind", "backend"), [("cuda", "gloo"), ("cpu", "nccl"), ("gpu", "nccl")])
def test_a_spec_names_a_device_with_its_own_backend(kind: str, backend: str) -> None:
    spec = json.loads((Path(__file__).parent.parent / "fixtures/spec.json").read_text())
    on_cuda = parse_spec(json.dumps({**spec, **ON_CUDA}).encode())
    assert (on_cuda.device, on_cuda.backend) == ("cuda", "nccl")
    with pytest.raises(FieldError, match="device" if kind == "gpu" else "backend"):
        parse_spec(json.dumps({**spec, "device": kind, "backend": backend}).encode())
