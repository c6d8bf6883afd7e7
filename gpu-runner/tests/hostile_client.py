"""A contestant that isn't the adapter: it speaks the protocol up to a point, and then does as its attack says.

python3 hostile_client.py ATTACK --channel-dir DIR …
"""

import fcntl
import json
import mmap
import os
import socket
import struct
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from prism_runner.channel import SOCKET_NAME, Channel, connect

FAR = 60.0

STATE_HEADER = b'{"w":{"dtype":"U8","shape":[20],"data_offsets":[0,20]}}'
STATE = struct.pack("<Q", len(STATE_HEADER)) + STATE_HEADER + bytes(20)


class Client:
    """The protocol's moves, one by one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.channel: Channel = connect(folder, time.monotonic() + FAR)
        self.socket: socket.socket = self.channel._connection
        self.hello, _, self.memory = self.channel.receive_with_descriptor(time.monotonic() + FAR, {"hello": 1 << 26})
        self.slot_bytes = int(str(self.hello["slotBytes"]))
        self.map = mmap.mmap(self.memory, 2 * self.slot_bytes)
        self.say("ready", parameters=0)

    def say(self, kind: str, **fields: Any) -> None:
        self.channel.send({"kind": kind, **fields}, time.monotonic() + FAR)

    def hear(self) -> Any:
        header, self.body = self.channel.receive(time.monotonic() + FAR, {"frame": 1 << 26})
        return header

    def open(self, batch_size: int = 4, seq_len: int = 64) -> None:
        self.say("open", batchSize=batch_size, seqLen=seq_len, tokenizer=None, parameters=10)
        assert self.hear()["kind"] == "opened"

    def frame(self) -> Any:
        self.open()
        return self.next()

    def next(self) -> Any:
        self.say("next")
        return self.hear()

    def answer(self, frame: Any, **changes: Any) -> None:
        count = frame["rows"] * frame["length"]
        self.say("logits", **{"id": frame["id"], "dtype": "float32", "start": 0, "count": count, "slot": 0, **changes})

    def to_release(self, frame: Any) -> None:
        """Answer the frame and those after it, decoys or not, until the batch is released."""
        while frame["kind"] == "frame":
            self.answer(frame)
            assert self.hear()["kind"] == "took"
            frame = self.hear()
        assert frame["kind"] == "release"

    def all_batches(self) -> None:
        self.open()
        while (frame := self.next())["kind"] == "frame":
            self.to_release(frame)

    def finish(self) -> None:
        self.say("finish", parameters=10, deterministic=True)
        assert self.hear()["kind"] == "bye"

    def state(self, piece: bytes, **changes: int) -> None:
        header = {"kind": "state", "offset": 0, "total": len(piece), **changes}
        self.channel.send(header, time.monotonic() + FAR, piece)

    def raw(self, header: bytes) -> None:
        self.socket.sendall(struct.pack("<I", len(header)) + header)

    def wait_forever(self) -> None:
        """Until the referee closes the channel."""
        self.socket.settimeout(None)
        while self.socket.recv(1 << 16):
            pass


def garbage(client: Client) -> None:
    client.frame()
    client.socket.sendall(b"\xff" * 5000)


def oversize_header(client: Client) -> None:
    client.socket.sendall(struct.pack("<I", 65_537) + b" " * 65_537)


def not_json(client: Client) -> None:
    client.raw(b"\x80{")


def deep_json(client: Client) -> None:
    client.raw(b"[" * 65_000)


def long_number(client: Client) -> None:
    client.raw(b'{"kind":"open","batchSize":' + b"9" * 60_000 + b"}")


def lone_surrogate(client: Client) -> None:
    client.raw(b'{"kind":"\\ud800"}')


def unknown_kind(client: Client) -> None:
    client.say("score", value=0)


def unannounced_body(client: Client) -> None:
    client.raw(json.dumps({"kind": "next", "bodyBytes": 1 << 40}).encode())


def next_before_open(client: Client) -> None:
    client.say("next")


def logits_without_frame(client: Client) -> None:
    client.open()
    client.say("logits", id=1, dtype="float32", start=0, count=1, slot=0)


def next_within_frame(client: Client) -> None:
    client.frame()
    client.say("next")


def open_within_frame(client: Client) -> None:
    client.frame()
    client.say("open", batchSize=4, seqLen=64, tokenizer=None, parameters=10)


def finish_within_frame(client: Client) -> None:
    client.frame()
    client.say("finish", parameters=10)


def wrong_frame(client: Client) -> None:
    client.answer(client.frame(), id=2)


def skipped_positions(client: Client) -> None:
    client.answer(client.frame(), start=1, count=1)


def too_many_positions(client: Client) -> None:
    client.answer(client.frame(), count=257)


def no_positions(client: Client) -> None:
    client.answer(client.frame(), count=0)


def negative_count(client: Client) -> None:
    client.answer(client.frame(), count=-1)


def true_for_a_count(client: Client) -> None:
    client.answer(client.frame(), count=True)


def third_slot(client: Client) -> None:
    client.answer(client.frame(), slot=2)


def float64_logits(client: Client) -> None:
    client.answer(client.frame(), dtype="float64")


def changing_dtype(client: Client) -> None:
    frame = client.frame()
    client.answer(frame, count=1)
    client.hear()
    client.answer(frame, start=1, count=1, dtype="bfloat16")


def failed_with_a_novel(client: Client) -> None:
    client.say("failed", verdict="exception", where=None, message="x" * 5000)


def failed_with_a_verdict_of_its_own(client: Client) -> None:
    client.say("failed", verdict="completed", where=None, message="")


def finish_without_open(client: Client) -> None:
    client.say("finish", parameters=1)


def finish_without_batch(client: Client) -> None:
    client.open()
    client.say("finish", parameters=1)


def too_many_parameters(client: Client) -> None:
    client.open()
    client.say("finish", parameters=150_000_001)


def flood(client: Client) -> None:
    """As many messages as the socket takes, and not one read."""
    client.open()
    message = json.dumps({"kind": "next"}).encode()
    client.socket.sendall((struct.pack("<I", len(message)) + message) * 100_000)


def endless_reopening(client: Client) -> None:
    """Never takes a batch, and never stops talking."""
    while True:
        for batch_size in (1, 4):
            client.open(batch_size)


def silence_within_frame(client: Client) -> None:
    client.frame()
    client.wait_forever()


def trickle_within_frame(client: Client) -> None:
    client.frame()
    client.socket.sendall(struct.pack("<I", 60_000))
    while True:
        client.socket.sendall(b" ")
        time.sleep(0.05)  # the attack itself: each byte comes in time, the message never does


def silence_before_open(client: Client) -> None:
    client.wait_forever()


def silence_in_training(client: Client) -> None:
    client.to_release(client.frame())
    client.wait_forever()


def deaf(client: Client) -> None:
    """Asks and asks and reads no answer, until the referee can't send."""
    message = json.dumps({"kind": "open", "batchSize": 4, "seqLen": 64, "tokenizer": None, "parameters": 1}).encode()
    client.socket.sendall((struct.pack("<I", len(message)) + message) * 100_000)


def closed_within_frame(client: Client) -> None:
    client.frame()


def closed_within_message(client: Client) -> None:
    client.frame()
    client.socket.sendall(struct.pack("<I", 100) + b"{")


def closed_in_training(client: Client) -> None:
    client.to_release(client.frame())


def truncated_memory(client: Client) -> None:
    """Tries to cut the referee's mapping short, then to seal it, then punches it; goes on as if nothing were."""
    for attempt in (
        lambda: os.ftruncate(client.memory, 0),
        lambda: os.ftruncate(client.memory, 1 << 30),
        lambda: fcntl.fcntl(client.memory, fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE),
    ):
        try:
            attempt()
        except PermissionError:
            continue
        raise SystemExit("the seal doesn't hold")
    client.all_batches()
    client.finish()


def second_connection(client: Client) -> None:
    other = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    if other.connect_ex(str(client.folder / SOCKET_NAME)) == 0:
        raise SystemExit("a second connection was accepted")
    client.all_batches()
    client.finish()


def descriptors_along(client: Client) -> None:
    """Sends descriptors with its bytes: the referee doesn't take them."""
    client.open()
    message = json.dumps({"kind": "next"}).encode()
    socket.send_fds(client.socket, [struct.pack("<I", len(message)) + message], [0, 1, 2])
    client.to_release(client.hear())
    client.all_batches()
    client.finish()


def rewriting_memory(client: Client) -> None:
    """Writes to the slot again as soon as it is taken: what was judged is what was copied."""
    client.open()
    while (frame := client.next())["kind"] == "frame":
        while frame["kind"] == "frame":
            client.map[:] = bytes(len(client.map))
            client.answer(frame)
            client.hear()
            client.map[:] = b"\x7f" * len(client.map)
            frame = client.hear()
    client.finish()


def state_unasked(client: Client) -> None:
    client.state(b"x")


def no_state(client: Client) -> None:
    client.all_batches()
    client.say("finish", parameters=10)


def state_cut_short(client: Client) -> None:
    client.all_batches()
    client.state(b"x", total=2)
    client.say("finish", parameters=10)


def state_out_of_order(client: Client) -> None:
    client.all_batches()
    client.state(b"x", total=3)
    client.state(b"x", total=3, offset=2)


def state_over_its_total(client: Client) -> None:
    client.all_batches()
    client.state(b"xyz", total=2)


def state_of_another_total(client: Client) -> None:
    client.all_batches()
    client.state(b"x", total=3)
    client.state(b"y", total=4, offset=1)


def state_without_end(client: Client) -> None:
    client.all_batches()
    client.state(b"x", total=1 << 40)


def state_in_a_huge_piece(client: Client) -> None:
    client.all_batches()
    client.state(bytes((4 << 20) + 1))


def state_of_rubbish(client: Client) -> None:
    client.all_batches()
    client.state(b"\x80\x04rubbish")
    client.say("finish", parameters=10)


def more_batches_after_the_state(client: Client) -> None:
    client.all_batches()
    client.state(b"x", total=3)
    client.say("next")


def a_state_of_too_many_elements(client: Client) -> None:
    client.all_batches()
    client.state(STATE)
    client.say("finish", parameters=1)


def silence_within_the_state(client: Client) -> None:
    client.all_batches()
    client.state(b"x", total=3)
    client.wait_forever()


def own_tokens(client: Client, positions: int) -> None:
    """Expects every token again, `positions` at a time in the first batch; spoils each slot as soon as it is taken."""
    client.open()
    while (frame := client.next())["kind"] == "frame":
        while frame["kind"] == "frame":
            ids = struct.unpack(f"<{len(client.body) // 4}I", client.body)
            for start in range(0, len(ids), positions):
                part = ids[start : start + positions]
                for index, token in enumerate(part):
                    client.map[index * 1024 : (index + 1) * 1024] = b"".join(
                        struct.pack("<f", 3.0 * (entry == token)) for entry in range(256)
                    )
                client.answer(frame, start=start, count=len(part))
                client.hear()
                client.map[: len(part) * 1024] = b"\x7f" * (len(part) * 1024)
            frame = client.hear()
        if frame["coveredBytes"] > 1000:
            break
    client.finish()


def frame_by_frame(client: Client) -> None:
    own_tokens(client, 256)


def position_by_position(client: Client) -> None:
    """More chunks than the referee has buffers."""
    own_tokens(client, 1)


def after_the_end(client: Client) -> None:
    """Asks on after the end of the stream: it is told so as often as it asks."""
    client.all_batches()
    for _ in range(3):
        assert client.next()["kind"] == "end"
    client.finish()


ATTACKS: dict[str, Callable[[Client], None]] = {
    name: attack for name, attack in list(globals().items()) if callable(attack) and name[0].islower()
}

if __name__ == "__main__":
    ATTACKS[sys.argv[1]](Client(Path(sys.argv[3])))
