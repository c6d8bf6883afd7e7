"""The referee's conversation with one contestant, from hello to bye. It ends by returning (completed) or raising.

    hello → ready → (open → (next → frame → logits … → release)* → end)* → state* → finish → bye

Theory of operation. The contestant is hostile from `ready` on. Whatever it does ends as AttemptFailed or AttemptLost:
a message out of order is `contract`, silence is `timeout`, a closed channel is lost. What goes wrong before `ready` is
ours, since no submitted code has run. Batches are drawn and asked about here; the contestant hears progress only.
Answers are copied out as they come and judged while the contestant computes its next frame or trains: whatever is due
then is done, in order, before the next message is read.
"""

import contextlib
import os
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

from prism_runner.channel import Channel, ChannelClosed, ChannelTimeout, ChannelViolation
from prism_runner.fields import FieldError, Fields, choice, flag, integer, nested, text
from prism_runner.frames import Chunk, Frame, answer, ask
from prism_runner.gpu_facts import heard_ready
from prism_runner.judge import Judge
from prism_runner.manifest import Claims, Spent
from prism_runner.memory_file import BUFFERS, SLOT_BYTES, SLOTS, SlotReader, create_sealed
from prism_runner.opening import checked_shape, context_values
from prism_runner.outcome import AttemptFailed, AttemptLost
from prism_runner.spec import RunSpec
from prism_runner.state_file import LONGEST_PIECE, StateFile
from prism_runner.stream import Batch, LaneReader, TokenStream

PROTOCOL = 1
MOST_BATCHES = 1_000_000  # bounds the record; an honest run has a hundredth of it
LONGEST_CLAIM_BYTES = 4096
LAST_WORDS_SECONDS = 10.0  # for `failed` after a refusal
BYE_SECONDS = 1.0  # for room in the socket

BODIES = {"state": LONGEST_PIECE}

Announce = Callable[[str, Mapping[str, object]], None]


@dataclass
class Clock:
    """Moments and sums of the run, in seconds of time.monotonic()."""

    hello: float = 0.0  # when hello was sent
    deadline: float = 0.0  # when the contestant must have said the next thing
    budget_ends: float = 0.0  # from then on the stream is at its end
    opened: float = 0.0  # when the first open came; 0 before
    frames: float = 0.0  # spent on frames
    training: float = 0.0  # spent by the contestant between a release and its next request


@dataclass
class Session:
    """One attempt's conversation; what it found out stays readable when it raises."""

    channel: Channel  # to the contestant
    spec: RunSpec  # what was asked for
    stream: TokenStream  # what is predicted
    bundle: bytes  # canonical form, passed on unread
    announce: Announce  # progress for people and the executor's clocks
    judge: Judge  # what the answers cost, and what they gave away
    state: StateFile | None = None  # where the exported state goes; None: it isn't asked for
    clock: Clock = field(default_factory=Clock)
    claims: Claims = field(default_factory=Claims)
    stopped_by_clock: bool = False
    gpu: Mapping[str, str] | None = None  # what the contestant computes on

    def __post_init__(self) -> None:
        self.lanes = LaneReader(self.stream)
        self._due: deque[Callable[[], None]] = deque()  # judging of what has been copied out
        self.batch_size, self.seq_len = 0, 0  # B and T of the iterator; 0: no iterator yet
        self._frames_asked = 0
        self._batches = 0
        self._covered_bytes = 0  # of all batches released
        self._released = 0.0  # when the last batch was released; 0: the contestant isn't training on one
        self._phase = "setup"

    def run(self) -> None:
        """The whole conversation. Raises AttemptFailed or AttemptLost; anything else is our fault."""
        self._say_hello()
        self._await_ready()
        try:
            self._serve()
            self._check_coverage()
        except ChannelViolation as error:
            raise AttemptFailed("contract", str(error)) from error
        except ChannelTimeout as error:
            raise AttemptFailed("timeout", f"no answer in time ({self._phase})") from error
        except ChannelClosed as error:
            raise AttemptLost(self._phase, str(error)) from error
        finally:
            self._say_bye()

    def spent(self) -> Spent:
        """Seconds so far."""
        now, clock = time.monotonic(), self.clock
        if not clock.hello:
            return Spent()
        return Spent((clock.opened or now) - clock.hello, clock.frames, clock.training, now - clock.hello)

    # --- setup: until `ready`, nothing submitted has run ---------------------------------------------------------

    def _say_hello(self) -> None:
        descriptor = create_sealed()
        self._slots = SlotReader(descriptor)
        self.clock.hello = time.monotonic()
        self.clock.deadline = self.clock.hello + self.spec.limits.setup_seconds
        hello = {
            "kind": "hello",
            "protocol": PROTOCOL,
            "ctx": context_values(self.spec, self.stream),
            "slotBytes": SLOT_BYTES,
            "slots": SLOTS,
            "architecture": {"entrypoint": self.spec.architecture.path, "symbol": self.spec.architecture.symbol},
            "training": {"entrypoint": self.spec.training.path, "symbol": self.spec.training.symbol},
            "exportState": self.state is not None,
            "seedAudit": self.spec.seed_audit,
        }
        self.channel.send(hello, self.clock.deadline, self.bundle, descriptor)
        os.close(descriptor)  # the mapping stays

    def _await_ready(self) -> None:
        header, _ = self.channel.receive(self.clock.deadline)
        self.gpu = heard_ready(header, self.spec.device)
        self.clock.budget_ends = time.monotonic() + self.spec.limits.budget_seconds

    # --- the contestant is hostile from here on ------------------------------------------------------------------

    def _receive(self, deadline: float) -> Fields:
        """The next message, where none has a body. `failed` may come at any time, and ends the attempt."""
        return self._receive_with_body(deadline, {})[0]

    def _receive_with_body(self, deadline: float, bodies: Mapping[str, int] = BODIES) -> tuple[Fields, bytearray]:
        header, body = self.channel.receive(deadline, bodies)
        if header["kind"] == "failed":
            raise failure_claimed(header)
        return header, body

    def _serve(self) -> None:
        answers = {"open": self._open, "next": self._next, "finish": self._finish}
        kind = ""
        while kind != "finish":
            self._judge_all_but(0)
            header, body = self._receive_with_body(self.clock.deadline)
            self._end_training()
            kind = str(header["kind"])
            exporting = self._phase == "exporting"
            if kind not in (("state", "finish") if exporting else (*answers, "state")):
                raise ChannelViolation(f"`{kind[:64]}` out of order")
            try:
                self._state(header, body) if kind == "state" else answers[kind](header)
            except FieldError as error:
                raise ChannelViolation(f"malformed `{kind}`: {error}") from error

    def _open(self, header: Fields) -> None:
        self._claim_parameters(header)
        try:
            batch_size, seq_len = checked_shape(header, self.spec, len(self.stream.tokens))
        except FieldError as refusal:
            raise self._refuse(str(refusal)) from refusal
        self.lanes.open(batch_size)
        self.batch_size, self.seq_len = batch_size, seq_len
        if not self.clock.opened:
            self.clock.opened = time.monotonic()
            self.clock.deadline = self.clock.budget_ends + self.spec.limits.grace_seconds
            self._phase = "training"
        self.channel.send({"kind": "opened", "progress": self._progress()}, self.clock.deadline)

    def _refuse(self, reason: str) -> AttemptFailed:
        """Refuse an open: the attempt ends here. The contestant's `failed` may still say where in the bundle."""
        patience = time.monotonic() + LAST_WORDS_SECONDS
        where = None
        try:
            self.channel.send({"kind": "refused", "reason": reason}, patience)
            self._receive(patience)
        except AttemptFailed as claimed:
            where = claimed.where
        except (ChannelClosed, ChannelTimeout, ChannelViolation):
            pass  # the verdict stands without it
        return AttemptFailed("contract", reason, where)

    def _next(self, _header: Fields) -> None:
        if not self.seq_len:
            raise ChannelViolation("`next` before any `open`")
        over_budget = time.monotonic() >= self.clock.budget_ends
        if self.lanes.exhausted or over_budget:
            self.stopped_by_clock |= over_budget and not self.lanes.exhausted
            self._end()
        else:
            self._one_batch()

    def _end(self) -> None:
        """The stream is at its end, for this iterator or by the clock: `graceSeconds` are left from the first time."""
        latest = time.monotonic() + self.spec.limits.grace_seconds
        self.clock.deadline = latest if self._phase == "training" else self.clock.deadline
        self._phase = "finishing"
        self.channel.send({"kind": "end"}, self.clock.deadline)

    def _one_batch(self) -> None:
        """Ask for the next batch's predictions, once they are out of reach release it."""
        if self._batches == MOST_BATCHES:
            raise AttemptFailed("contract", f"more than {MOST_BATCHES} batches: batch_size * seq_len is too small")
        self._batches += 1
        self.clock.deadline = self.clock.budget_ends + self.spec.limits.grace_seconds
        began = time.monotonic()
        self._phase = "frame"
        batch = self.lanes.draw(self.seq_len)
        trial = self.judge.begin(batch)
        deadline = began
        for number, tokens in enumerate(self.judge.questions(trial)):
            deadline = time.monotonic() + self.spec.limits.frame_seconds
            self._one_frame(batch, tokens, deadline, partial(self.judge.hear, trial, number))
        self._due.append(partial(self.judge.conclude, trial))
        self._covered_bytes += self.stream.bytes_of(batch.charged)
        covered = {"progress": self._progress(), "coveredBytes": self._covered_bytes}
        self.channel.send({"kind": "release", "id": self._frames_asked, **covered}, deadline)
        self._phase = "training"
        self._released = time.monotonic()
        self.clock.frames += self._released - began
        self.announce("progress", {**covered, "batches": self._batches})

    def _one_frame(self, batch: Batch, tokens: bytes, deadline: float, hear: Callable[[Chunk], None]) -> None:
        """Put one question to the contestant and copy its answer out, to be heard when there is time."""
        self._frames_asked += 1
        frame = Frame(self._frames_asked, batch.rows, batch.length, tokens)
        self.announce("frameStart", {"id": frame.id})
        ask(self.channel, frame, self.stream.vocab, deadline)
        self._judge_all_but(0)  # the contestant computes meanwhile
        for chunk in answer(self.channel, self._slots, self._receive, frame, self.stream.vocab, deadline):
            self._due.append(partial(hear, chunk))
            self._judge_all_but(BUFFERS - 1)  # the next chunk needs a buffer
        self.announce("frameEnd", {"id": frame.id})

    def _state(self, header: Fields, piece: bytearray) -> None:
        """The next piece of the exported state; from the first one on, `graceSeconds` are left."""
        if self.state is None:
            raise ChannelViolation("`state` in a run that exports none")
        if self._phase != "exporting":
            self._phase = "exporting"
            self.clock.deadline = time.monotonic() + self.spec.limits.grace_seconds
        self.state.take(header, piece)

    def _judge_all_but(self, most: int) -> None:
        """Do what is due, oldest first, until at most so much is left. Raises AttemptFailed: `nan` or `causality`."""
        while len(self._due) > most:
            self._due.popleft()()

    def _finish(self, header: Fields) -> None:
        if self.state is not None and self._batches:
            self._check_parameters(self.state.complete().elements)
        self._claim_parameters(header)
        peak = None if header.get("peakVramBytes") is None else integer(header, "peakVramBytes", 0, 2**53 - 1)
        audited = seed_audit_claimed(header)
        self.claims = Claims(self.claims.parameters, flag(header, "deterministic"), audited, peak)

    def _check_coverage(self) -> None:
        """A run that predicted nothing is no run."""
        if not self.seq_len:
            raise AttemptFailed("contract", "train(ctx) returned and the stream was never opened")
        if not self._batches:
            raise AttemptFailed("contract", "train(ctx) returned without taking a batch: nothing was predicted")

    def _claim_parameters(self, header: Fields) -> None:
        parameters = integer(header, "parameters", 0, 2**53 - 1)
        self.claims = Claims(parameters, self.claims.deterministic)
        self._check_parameters(parameters)

    def _check_parameters(self, parameters: int) -> None:
        cap = self.spec.limits.max_parameters
        if parameters > cap:
            raise AttemptFailed("parameterCap", f"{parameters} parameters and buffer elements, the cap is {cap}")

    def _progress(self) -> float:
        """Covered share of the stream, 0 … 1."""
        return self._covered_bytes / self.stream.size_bytes

    def _end_training(self) -> None:
        if self._released:
            self.clock.training += time.monotonic() - self._released
            self._released = 0.0

    def _say_bye(self) -> None:
        """A courtesy to an honest adapter; the verdict stands whether it is read or not."""
        with contextlib.suppress(ChannelClosed, ChannelTimeout):
            self.channel.send({"kind": "bye"}, time.monotonic() + BYE_SECONDS)
        self.channel.close()


def seed_audit_claimed(header: Fields) -> Mapping[str, int] | None:
    """The contestant's own account of its two-seed audit. Raises FieldError."""
    if header.get("seedAudit") is None:
        return None
    claimed = nested(header, "seedAudit")
    names = ("elements", "invariantElements", "informationBytes")
    return {name: integer(claimed, name, 0, 2**53 - 1) for name in names}


def failure_claimed(header: Fields) -> AttemptFailed:
    """The contestant's own `failed`. Its verdict is believed as far as it goes: it can only end its own attempt."""
    try:
        verdict = choice(header, "verdict", ("contract", "exception", "parameterCap"))
        message = text(header, "message", LONGEST_CLAIM_BYTES)
        where = None if header.get("where") is None else text(header, "where", LONGEST_CLAIM_BYTES)
    except FieldError as error:
        raise ChannelViolation(f"malformed `failed`: {error}") from error
    if verdict == "contract":
        return AttemptFailed("contract", message, where)
    return AttemptFailed("exception" if verdict == "exception" else "parameterCap", message, where)
