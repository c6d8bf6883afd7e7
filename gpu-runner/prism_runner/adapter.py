"""The contestant's side of the protocol: opens iterators, answers frames, yields released batches.

It runs in the process of the submitted code, so the referee trusts none of it. It is strict all the same: a rule
that is broken by accident should be named at the line that broke it.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from weakref import WeakSet

import torch
from torch import Tensor
from torch.nn import Module

from prism_runner.context import ContractError, ParameterCapError, PrismBatch, ReferenceTokenizer
from prism_runner.determinism import WarningWatch
from prism_runner.device import HOST, Device
from prism_runner.fields import Fields
from prism_runner.prediction import ModelState, as_sent, count_parameters, predict
from prism_runner.ranks import Line
from prism_runner.state_export import exported_module, pack
from prism_runner.state_file import LONGEST_PIECE
from prism_runner.tokenizers import VOCAB

PATIENCE_SECONDS = 3600.0  # a referee that judges a large frame is slow; one that is gone closes the channel
LARGEST_FRAME_BYTES = 4 << 24

DTYPE_NAMES = {torch.float32: "float32", torch.bfloat16: "bfloat16"}


@dataclass(frozen=True)
class Terms:
    """What the referee's hello fixes for the contestant's side."""

    max_parameters: int  # cap on realised parameters and buffer elements
    device: Device  # of this process
    tokenizer: str  # the stream's, which the manifest named
    vocab: int  # V of the stream's tokenizer
    rank: int = 0  # of this process; only rank 0 sends logits
    world_size: int = 1  # processes that share a batch's rows


class Adapter:
    """One conversation with the referee, from `ready` to `bye`."""

    def __init__(self, channel: Line, slots: list[Tensor], terms: Terms) -> None:
        """`slots` are the memory file's parts, as uint8 tensors over the shared mapping."""
        self._channel = channel
        self._slots = slots
        self._terms = terms
        self._iterators = 0  # how often iter_train_batches was called: only the newest one lives
        self._model: Module | None = None  # the one that was iterated last
        self._built: WeakSet[Module] = WeakSet()  # what build_model returned
        self.parameters = 0  # the largest count seen: of models built, and of the one that predicts
        self.watch = WarningWatch()

    def say(self, kind: str, **fields: object) -> None:
        """Send one message."""
        self._channel.send({"kind": kind, **fields}, time.monotonic() + PATIENCE_SECONDS)

    def hear(self, *kinds: str) -> tuple[Fields, bytearray]:
        """The next message, which must be of one of the kinds. `bye` means that the attempt is over."""
        header, body = self._channel.receive(time.monotonic() + PATIENCE_SECONDS, {"frame": LARGEST_FRAME_BYTES})
        if header["kind"] not in kinds:
            raise ContractError(f"the referee ended the attempt (`{header['kind']}`)")
        return header, body

    def has_built(self, model: Module) -> None:
        """build_model returned this model. Raises ParameterCapError."""
        self._built.add(model)
        self.weigh(model)

    def export_state(self) -> None:
        """Send the last iterated model's state, in pieces. Raises ContractError."""
        if self._model is None:
            return
        raw = memoryview(pack(exported_module(self._model, self._built)))
        for offset in range(0, len(raw), LONGEST_PIECE):
            piece = raw[offset : offset + LONGEST_PIECE]
            header = {"kind": "state", "offset": offset, "total": len(raw)}
            self._channel.send(header, time.monotonic() + PATIENCE_SECONDS, piece)

    def weigh(self, model: Module) -> None:
        """Count the model's realised parameters and buffers. Raises ParameterCapError."""
        self.parameters = max(self.parameters, count_parameters(model))
        if self.parameters > self._terms.max_parameters:
            raise ParameterCapError(
                f"{self.parameters} parameters and buffer elements, the cap is {self._terms.max_parameters}"
            )

    def reference_tokenizer(self, name: str) -> ReferenceTokenizer:
        """The handle of that name. Raises ContractError."""
        known = {**VOCAB, self._terms.tokenizer: self._terms.vocab}
        if name not in known:
            raise ContractError(f"there is no tokenizer {name!r}; there are {', '.join(known)}")
        return ReferenceTokenizer(name, known[name])

    def batches(
        self, model: Module, batch_size: int, seq_len: int, tokenizer: ReferenceTokenizer | None, reuse_forward: bool
    ) -> Iterator[PrismBatch]:
        """Open an iterator, at once; the one before it is dead. Raises ContractError when the referee refuses."""
        if not isinstance(model, Module):
            raise ContractError(f"the model is a {type(model).__name__}; it must be a torch.nn.Module")
        if tokenizer is not None and not isinstance(tokenizer, ReferenceTokenizer):
            kind = type(tokenizer).__name__
            raise ContractError(
                f"tokenizer is a {kind}, and the manifest's is {self._terms.tokenizer!r}: it must be what "
                "ctx.reference_tokenizer returned, or None"
            )
        if isinstance(batch_size, int) and batch_size % self._terms.world_size:
            raise ContractError(f"batch_size is {batch_size}; {self._terms.world_size} processes can't share it evenly")
        self.weigh(model)
        self._iterators += 1
        self._model = model
        shape = {"batchSize": batch_size, "seqLen": seq_len, "tokenizer": tokenizer.name if tokenizer else None}
        self.say("open", **shape, parameters=self.parameters)
        answer, _ = self.hear("opened", "refused")
        if answer["kind"] == "refused":
            raise ContractError(str(answer["reason"]))
        return self._iterate(model, self._iterators, bool(reuse_forward))

    def _iterate(self, model: Module, iterator: int, reuse_forward: bool) -> Iterator[PrismBatch]:
        while True:
            if iterator != self._iterators:
                raise ContractError("this iterator is dead: iter_train_batches was called again")
            batch = self._next_batch(model, reuse_forward)
            if batch is None:
                return
            yield batch
            del batch  # and with it the graph of its logits, once the loop has let go of it

    def _next_batch(self, model: Module, reuse_forward: bool) -> PrismBatch | None:
        """Answer frames until the batch is released; None at the end of the stream."""
        self.device.settle()  # what the loop has left to do is no part of the next frame's time
        self.say("next")
        state: ModelState | None = None
        tokens, logits = torch.empty(0), None
        while True:
            header, body = self.hear("frame", "release", "end")
            if header["kind"] == "end":
                return None
            state = state or ModelState(model)
            if header["kind"] == "release" and reuse_forward:
                own = None if logits is None else self._own_rows(logits)
                return PrismBatch(self._own_rows(tokens), float(str(header["progress"])), own)
            state.put_back()
            if header["kind"] == "release":
                return PrismBatch(self._own_rows(tokens), float(str(header["progress"])), None)
            logits = None  # any frame may be the true one, but only the newest: the graph before it goes
            shape = (int(str(header["rows"])), int(str(header["length"])))
            tokens = self.device.put_tokens(read_tokens(body, shape))
            vocab = int(str(header["vocab"]))
            logits = predict(model, tokens.clone(), vocab, reuse_forward)  # it may write into what it gets
            self.weigh(model)  # lazy modules are realised now
            self.send_logits(int(str(header["id"])), as_sent(logits))

    def _own_rows(self, rows: Tensor) -> Tensor:
        """This process's share."""
        if self._terms.world_size == 1:
            return rows  # itself: a view would be another node of the graph
        return rows.tensor_split(self._terms.world_size)[self._terms.rank]

    @property
    def device(self) -> Device:
        """Where the model and its input lie."""
        return self._terms.device

    def on_host(self) -> "Adapter":
        """The same for a fork of this process, which can't use a GPU that its parent has opened."""
        return Adapter(self._channel, [], replace(self._terms, device=HOST))

    def send_logits(self, frame: int, logits: Tensor) -> None:
        """Put (B, T, V) through the slots, alternating: one is filled while the referee reads the other."""
        if self._terms.rank:
            return
        flat = logits.reshape(-1, logits.shape[-1])
        row_bytes = flat.shape[1] * flat.element_size()
        step = self._slots[0].numel() // row_bytes
        taken = 0
        for index, start in enumerate(range(0, flat.shape[0], step)):
            if index >= len(self._slots):
                self.hear("took")
                taken += 1
            part = flat[start : start + step]
            slot = index % len(self._slots)
            target = self._slots[slot][: part.shape[0] * row_bytes].view(logits.dtype).view(part.shape)
            self.device.copy_out(part, target)
            dtype = DTYPE_NAMES[logits.dtype]
            self.say("logits", id=frame, dtype=dtype, start=start, count=part.shape[0], slot=slot)
        for _ in range(-(-flat.shape[0] // step) - taken):
            self.hear("took")


def read_tokens(body: bytearray, shape: tuple[int, int]) -> Tensor:
    """(B, T) int64 of a frame's body, u32 little-endian."""
    return torch.frombuffer(body, dtype=torch.int32).to(torch.int64).view(shape)
