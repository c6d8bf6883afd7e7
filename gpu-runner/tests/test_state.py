"""The exported state: what is written, what is refused, and that it goes back exactly."""

import hashlib
import io
import json
import struct
from collections.abc import Callable
from typing import Any
from weakref import WeakSet

import pytest
import torch
from safetensors.torch import load_file, save
from torch import Tensor, nn

from attempts import GRU, TRAIN, run_attempt
from prism_runner.context import ContractError
from prism_runner.fields import FieldError
from prism_runner.safetensors_header import count_elements
from prism_runner.state_export import exported_module, named_tensors, pack, unpack_into


class Tied(nn.Module):
    """Tied weights, a table of complex numbers, state that takes the batch's shape, and one nobody has filled yet."""

    lanes: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(11, 4)
        self.head = nn.Linear(4, 11, bias=False)
        self.head.weight = self.embed.weight
        self.inner = nn.LazyLinear(3)
        self.register_buffer("lanes", None, persistent=False)
        self.register_buffer("turns", torch.polar(torch.ones(5), torch.arange(5.0)), persistent=False)
        self.register_buffer("window", torch.arange(12).view(3, 4).t()[1:])

    def forward(self, tokens: Tensor) -> Tensor:
        self.lanes = tokens.float()
        self.inner(self.lanes)
        return self.head(self.embed(tokens))  # type: ignore[no-any-return]


def used() -> Tied:
    torch.manual_seed(3)
    model = Tied()
    model(torch.arange(6).view(2, 3))
    return model


def elements(raw: bytes) -> int:
    return count_elements(io.BytesIO(raw), len(raw))


def test_every_parameter_and_buffer_goes_there_and_back() -> None:
    model = used()
    raw = pack(model)
    torch.manual_seed(4)
    other = Tied()
    unpack_into(other, raw)
    assert other.head.weight is other.embed.weight
    pairs = list(zip(named_tensors(model), named_tensors(other), strict=True))
    assert [name for (name, _), _ in pairs] == [name for _, (name, _) in pairs]
    assert all(torch.equal(ours, theirs) for (_, ours), (_, theirs) in pairs)
    assert pack(other) == raw
    other(torch.arange(6).view(2, 3))


def test_a_shared_tensor_is_stored_once_and_its_other_name_recorded() -> None:
    raw = pack(used())
    (size,) = struct.unpack("<Q", raw[:8])
    header = json.loads(raw[8 : 8 + size])
    assert header["__metadata__"] == {"head.weight": "embed.weight"}
    assert elements(raw) == 44 + (3 * 3 + 3) + 6 + 5 + 9


def test_only_what_build_model_returned_is_exported() -> None:
    model = used()
    wrapped = nn.Sequential(nn.Dropout(0.1), model)
    assert exported_module(wrapped, WeakSet([model])) is model
    assert exported_module(wrapped, WeakSet()) is wrapped


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda tensors: tensors.pop("embed.weight"), "lacks embed.weight"),
        (lambda tensors: tensors.update({"nowhere.weight": torch.ones(1)}), "nowhere.weight, which build_model hasn't"),
        (lambda tensors: tensors.update({"embed.weight": torch.ones(4, 11)}), "embed.weight has shape (4, 11)"),
    ],
)
def test_a_state_of_another_model_is_refused(change: Callable[[dict[str, Tensor]], object], reason: str) -> None:
    tensors = {name: tensor.detach().contiguous().clone() for name, tensor in named_tensors(used())}
    change(tensors)
    with pytest.raises(ContractError, match=reason.replace("(", r"\(").replace(")", r"\)")):
        unpack_into(Tied(), save(tensors))


def test_bytes_that_are_no_state_are_refused() -> None:
    with pytest.raises(ContractError, match="isn't a safetensors file"):
        unpack_into(Tied(), b"\x80\x04pickle")


def header_of(**changes: Any) -> bytes:
    """Two tensors of 4 and 2 bytes, with changes to the header."""
    tensors = {
        "a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]},
        "b": {"dtype": "BF16", "shape": [1, 1], "data_offsets": [4, 6]},
    }
    raw = json.dumps({**tensors, **changes}).encode()
    return struct.pack("<Q", len(raw)) + raw + bytes(6)


def place(begin: object, end: object, shape: object = (1,), dtype: object = "BF16") -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


REFUSED = {
    "empty": b"",
    "short": b"\1\0\0",
    "longer than the file": struct.pack("<Q", 100) + b"{}",
    "longer than anything": struct.pack("<Q", 2**63) + b"{}",
    "no object": struct.pack("<Q", 2) + b"[]",
    "not JSON": struct.pack("<Q", 2) + b"\x80\x04",
    "too deep": struct.pack("<Q", 100_000) + b"[" * 100_000,
    "a rest": header_of() + b"\0",
    "a gap": header_of(b=place(5, 7)),
    "an overlap": header_of(b=place(2, 4)),
    "backwards": header_of(b=place(6, 4)),
    "negative": header_of(b=place(-2, 0)),
    "no number": header_of(b=place(True, 6)),
    "wrong shape": header_of(b=place(4, 6, [2])),
    "negative shape": header_of(b=place(4, 6, [-1, -1])),
    "no shape": header_of(b=place(4, 6, None)),
    "many dimensions": header_of(b=place(4, 6, [1] * 33)),
    "odd dtype": header_of(b=place(4, 6, [1], "PICKLE")),
    "no tensor": header_of(b=3),
    "metadata": header_of(__metadata__={"c": 3}),
    "alias of nothing": header_of(__metadata__={"c": "d"}),
    "alias over a tensor": header_of(__metadata__={"a": "b"}),
}


def test_a_header_is_counted() -> None:
    assert elements(header_of()) == 2
    assert elements(header_of(__metadata__={"c": "a"})) == 2
    assert elements(save({"none": torch.zeros(0, 3), "one": torch.tensor(1.0)})) == 1


@pytest.mark.parametrize("raw", REFUSED.values(), ids=REFUSED)
def test_a_header_that_lies_is_refused(raw: bytes) -> None:
    with pytest.raises(FieldError):
        elements(raw)


def test_a_run_that_is_asked_hands_over_its_last_state() -> None:
    """The GRU twice, once as it learns and once frozen by a second iterator: the last one iterated is exported."""
    loop = TRAIN + "    for batch in ctx.iter_train_batches(model, batch_size=3, seq_len=32):\n        pass\n"
    stop = "        optimizer.step()\n        if batch.progress > 0.5:\n            break\n"
    loop = loop.replace("        optimizer.step()\n", stop)
    result = run_attempt(GRU, loop, exportState=True)
    assert result.outcome == {"kind": "completed"}, result.contestant_log
    assert result.state is not None
    assert result.manifest["stateDigest"] == hashlib.sha256(result.state.read_bytes()).hexdigest()
    assert result.record is not None
    tensors = load_file(result.state)
    assert sum(tensor.numel() for tensor in tensors.values()) == result.manifest["compute"]["parameters"]
    export, undrawn = result.manifest["export"], result.record["totals"]["uncoveredBytes"]
    assert (export["batchSize"], export["seqLen"], export["bytes"]) == (3, 32, result.state.stat().st_size)
    assert sum(end - begin for begin, end in export["released"]) == result.record["streamBytes"] - undrawn


def test_a_run_that_is_not_asked_hands_over_nothing() -> None:
    result = run_attempt()
    assert (result.state, result.manifest["stateDigest"], result.manifest["export"]) == (None, None, None)


@pytest.mark.parametrize(
    ("state", "verdict"),
    [
        ("model.register_buffer('odd', torch.zeros(1, dtype=torch.complex128))", "contract"),
        ("model.gru = torch.nn.Linear(400, 400)", "parameterCap"),
    ],
)
def test_a_state_that_cannot_be_exported_fails_its_run(state: str, verdict: str) -> None:
    result = run_attempt(GRU, TRAIN + f"    {state}\n", limits={"maxParameters": 80_000}, exportState=True)
    assert (result.outcome["kind"], result.outcome["verdict"]) == ("failed", verdict), result.outcome
    assert (result.state, result.manifest["stateDigest"]) == (None, None)
