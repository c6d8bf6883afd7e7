"""The referee's side of a frame: ask, take the logits chunk by chunk, believe nothing but the bytes.

A chunk is `count` consecutive positions of `[rows, T]` in row-major order, each V logits, in one slot of the memory
file. The referee works out every size itself; the contestant only says which slot is full.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from prism_runner.channel import Channel, ChannelViolation
from prism_runner.fields import FieldError, Fields, choice, integer
from prism_runner.memory_file import SLOT_BYTES, SLOTS, SlotReader

DTYPE_BYTES = {"float32": 4, "bfloat16": 2}


@dataclass(frozen=True)
class Frame:
    """One question."""

    id: int  # counts up; says nothing about what is scored
    rows: int  # B
    length: int  # T
    tokens: bytes  # (B, T) u32 little-endian


@dataclass(frozen=True)
class Chunk:
    """Logits of consecutive positions, copied out of the contestant's reach."""

    start: int  # first position, row-major in (B, T)
    count: int  # positions
    dtype: str  # `float32` or `bfloat16`, the same in a whole frame
    data: memoryview  # (count, V) in that dtype; valid until BUFFERS later chunks


def ask(channel: Channel, frame: Frame, vocab: int, deadline: float) -> None:
    """Send the question: the same form whatever the frame is. Raises what `send` raises."""
    header = {"kind": "frame", "id": frame.id, "rows": frame.rows, "length": frame.length, "vocab": vocab}
    channel.send(header, deadline, frame.tokens)


def answer(
    channel: Channel, slots: SlotReader, receive: Callable[[float], Fields], frame: Frame, vocab: int, deadline: float
) -> Iterator[Chunk]:
    """The logits of a frame that was asked, every position once and in order.

    `took` is sent before a chunk is yielded: the contestant fills the other slot while this one is judged.
    Raises ChannelViolation for any other message, and what `receive` and `send` raise.
    """
    positions = frame.rows * frame.length
    start, dtype = 0, ""
    while start < positions:
        header = receive(deadline)
        dtype, count, slot = _checked(header, frame, vocab, start, dtype)
        data = slots.copy_out(slot, count * vocab * DTYPE_BYTES[dtype])
        channel.send({"kind": "took", "slot": slot}, deadline)
        yield Chunk(start, count, dtype, data)
        start += count


def _checked(header: Fields, frame: Frame, vocab: int, start: int, dtype: str) -> tuple[str, int, int]:
    """dtype, count and slot of the next chunk, which must begin at `start` and keep the frame's dtype."""
    if header["kind"] != "logits":
        raise ChannelViolation(f"`{header['kind']}` while a frame is to be answered")
    try:
        integer(header, "id", frame.id, frame.id)
        integer(header, "start", start, start)
        chosen = choice(header, "dtype", (dtype,) if dtype else tuple(DTYPE_BYTES))
        fits = SLOT_BYTES // (vocab * DTYPE_BYTES[chosen])
        left = frame.rows * frame.length - start
        return chosen, integer(header, "count", 1, min(fits, left)), integer(header, "slot", 0, SLOTS - 1)
    except FieldError as error:
        raise ChannelViolation(f"malformed logits: {error}") from error
