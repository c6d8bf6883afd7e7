"""The referee's conversation with one held-out contestant, from hello to bye.

    hello → state* → ready → loaded → (frame → logits …, advance)* → bye

The contestant builds the architecture, loads the state if it is given one, and answers frames. `advance` keeps what
the last frame left in its buffers: state that is carried along the lanes. Hostile from `ready` on, as in training.
"""

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from prism_runner.channel import Channel, ChannelClosed, ChannelTimeout, ChannelViolation
from prism_runner.fields import FieldError, Fields, integer
from prism_runner.frames import Chunk, Frame, answer, ask
from prism_runner.gpu_facts import heard_ready
from prism_runner.memory_file import SLOT_BYTES, SLOTS, SlotReader, create_sealed
from prism_runner.outcome import AttemptFailed, AttemptLost
from prism_runner.session import BYE_SECONDS, PROTOCOL, Announce, failure_claimed
from prism_runner.spec import RunSpec
from prism_runner.state_file import LONGEST_PIECE


@dataclass(frozen=True)
class Opening:
    """What a held-out contestant is given."""

    context: Mapping[str, object]  # values of ctx, the same as in the run
    bundle: bytes  # canonical form
    state: Path | None  # state.safetensors; None: the model stays as it is built
    vocab: int  # V


class HeldOutSession:
    """One contestant's conversation. Raises AttemptFailed or AttemptLost; anything else is our fault."""

    def __init__(self, channel: Channel, spec: RunSpec, opening: Opening, announce: Announce) -> None:
        self._channel = channel
        self._spec = spec
        self._opening = opening
        self._announce = announce
        self._frames = 0
        self._ends = time.monotonic() + spec.limits.setup_seconds
        self._phase = "setup"
        self.gpu: Mapping[str, str] | None = None  # what the contestant computes on

    def run(self, put_questions: Callable[["HeldOutSession"], None]) -> None:
        """The whole conversation; `put_questions` asks and advances."""
        self._say_hello()
        header, _ = self._channel.receive(self._ends)
        self.gpu = heard_ready(header, self._spec.device)
        try:
            self._await_loaded()
            put_questions(self)
        except ChannelViolation as error:
            raise AttemptFailed("contract", str(error)) from error
        except ChannelTimeout as error:
            raise AttemptFailed("timeout", f"no answer in time ({self._phase})") from error
        except ChannelClosed as error:
            raise AttemptLost(self._phase, str(error)) from error
        finally:
            with contextlib.suppress(ChannelClosed, ChannelTimeout):
                self._channel.send({"kind": "bye"}, time.monotonic() + BYE_SECONDS)
            self._channel.close()

    def ask(self, rows: int, length: int, tokens: bytes) -> Iterator[Chunk]:
        """The logits of one frame, chunk by chunk; (rows, length) tokens, u32 little-endian."""
        self._frames += 1
        self._phase = "frame"
        frame = Frame(self._frames, rows, length, tokens)
        deadline = min(time.monotonic() + self._spec.limits.frame_seconds, self._ends)
        self._announce("frameStart", {"id": frame.id})
        ask(self._channel, frame, self._opening.vocab, deadline)
        yield from answer(self._channel, self._slots, self._receive, frame, self._opening.vocab, deadline)
        self._announce("frameEnd", {"id": frame.id})

    def advance(self) -> None:
        """The last frame's text lies behind: what it left in the buffers stays."""
        self._channel.send({"kind": "advance"}, self._ends)

    def _say_hello(self) -> None:
        descriptor = create_sealed()
        self._slots = SlotReader(descriptor)
        spec, state = self._spec, self._opening.state
        hello = {
            "kind": "hello",
            "protocol": PROTOCOL,
            "mode": "heldOut",
            "ctx": self._opening.context,
            "slotBytes": SLOT_BYTES,
            "slots": SLOTS,
            "architecture": {"entrypoint": spec.architecture.path, "symbol": spec.architecture.symbol},
            "training": {"entrypoint": spec.training.path, "symbol": spec.training.symbol},
            "stateBytes": state.stat().st_size if state else 0,
        }
        self._channel.send(hello, self._ends, self._opening.bundle, descriptor)
        os.close(descriptor)  # the mapping stays
        if state:
            with open(state, "rb") as file:
                while piece := file.read(LONGEST_PIECE):
                    self._channel.send({"kind": "state"}, self._ends, piece)

    def _await_loaded(self) -> None:
        self._phase = "loading"
        header = self._receive(self._ends)
        if header["kind"] != "loaded":
            raise ChannelViolation(f"`{header['kind']}` in place of `loaded`")
        try:
            cap = self._spec.limits.max_parameters
            if integer(header, "parameters", 0, 2**53 - 1) > cap:
                raise AttemptFailed("parameterCap", f"more than {cap} parameters and buffer elements")
        except FieldError as error:
            raise ChannelViolation(f"malformed `loaded`: {error}") from error
        self._ends = time.monotonic() + self._spec.limits.budget_seconds

    def _receive(self, deadline: float) -> Fields:
        header, _ = self._channel.receive(deadline)
        if header["kind"] == "failed":
            raise failure_claimed(header)
        return header
