"""Messages over the one socket: `u32 little-endian header length`, header (a JSON object with `kind`), maybe a body.

Every wait has a deadline on the monotonic clock, every length has a bound, and only `recv` is used on the referee's
side: a descriptor that the contestant sends along is discarded by the kernel, unread.
"""

import json
import os
import socket
import struct
import time
from collections.abc import Mapping
from pathlib import Path

from prism_runner.fields import FieldError, Fields, integer, parse_object, text

SOCKET_NAME = "referee.sock"
LONGEST_HEADER = 65_536
PIECE_BYTES = 1 << 20


class ChannelClosed(Exception):
    """The peer is gone, maybe in the middle of a message."""


class ChannelViolation(Exception):
    """The peer sent something that the protocol doesn't have."""


class ChannelTimeout(Exception):
    """The deadline passed before the whole message was through."""


class Channel:
    """One end of the connection. Deadlines are seconds of time.monotonic()."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def close(self) -> None:
        """Close this end."""
        self._connection.close()

    def send(
        self, header: Mapping[str, object], deadline: float, body: bytes | memoryview = b"", descriptor: int = -1
    ) -> None:
        """Send one message. Raises ChannelClosed or ChannelTimeout; the channel is of no use after either."""
        sized = {**header, "bodyBytes": len(body)} if body else header
        raw = json.dumps(sized, ensure_ascii=True, allow_nan=False).encode()
        prefix = struct.pack("<I", len(raw))
        self._wait_until(deadline)
        try:
            if descriptor >= 0:
                socket.send_fds(self._connection, [prefix], [descriptor])
            else:
                raw = prefix + raw
            self._connection.sendall(b"".join((raw, body)))  # the time-out bounds the whole of it
        except TimeoutError as error:
            raise ChannelTimeout("the peer didn't read in time") from error
        except OSError as error:
            raise ChannelClosed("the peer closed the channel") from error

    def receive(self, deadline: float, longest_body: Mapping[str, int] | None = None) -> tuple[Fields, bytearray]:
        """The next message: header and body. A kind that isn't in `longest_body` has no body.

        Raises ChannelClosed, ChannelViolation or ChannelTimeout.
        """
        (size,) = struct.unpack("<I", self._receive_exactly(4, deadline))
        return self._receive_after_length(size, deadline, longest_body or {})

    def receive_with_descriptor(
        self, deadline: float, longest_body: Mapping[str, int]
    ) -> tuple[Fields, bytearray, int]:
        """As `receive`, with the one descriptor that comes along. The contestant's side only: it trusts the referee."""
        self._wait_until(deadline)
        prefix, descriptors, _, _ = socket.recv_fds(self._connection, 4, 1)
        if len(prefix) != 4 or len(descriptors) != 1:
            raise ChannelViolation("the first message must bring the memory file")
        (size,) = struct.unpack("<I", prefix)
        header, body = self._receive_after_length(size, deadline, longest_body)
        return header, body, descriptors[0]

    def _receive_after_length(
        self, size: int, deadline: float, longest_body: Mapping[str, int]
    ) -> tuple[Fields, bytearray]:
        if size > LONGEST_HEADER:
            raise ChannelViolation(f"a header of {size} bytes is over the bound of {LONGEST_HEADER}")
        try:
            header = parse_object(bytes(self._receive_exactly(size, deadline)))
            kind = text(header, "kind", 64)
            body_bytes = integer(header, "bodyBytes", 0, longest_body.get(kind, 0)) if "bodyBytes" in header else 0
        except FieldError as error:
            raise ChannelViolation(f"a malformed header: {error}") from error
        return {**header, "kind": kind}, self._receive_exactly(body_bytes, deadline)

    def _receive_exactly(self, size: int, deadline: float) -> bytearray:
        """`size` bytes; memory grows with what has come, not with what was announced."""
        received = bytearray()
        while len(received) < size:
            self._wait_until(deadline)
            try:
                piece = self._connection.recv(min(size - len(received), PIECE_BYTES))
            except TimeoutError as error:
                raise ChannelTimeout("the peer didn't send in time") from error
            except OSError as error:
                raise ChannelClosed("the peer broke the channel") from error
            if not piece:
                raise ChannelClosed("the peer closed the channel")
            received += piece
        return received

    def _wait_until(self, deadline: float) -> None:
        """Let the next call on the socket take what is left, so that a trickle of bytes can't prolong a wait."""
        left = deadline - time.monotonic()
        if left <= 0:
            raise ChannelTimeout("the deadline has passed")
        self._connection.settimeout(left)


class Listener:
    """The referee's socket: one connection, then it is gone."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / SOCKET_NAME
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._path.unlink(missing_ok=True)  # left by a referee that died; nobody else can write this folder
        self._socket.bind(str(self._path))
        os.chmod(self._path, 0o666)
        self._socket.listen(1)

    def accept(self, connect_seconds: float) -> Channel:
        """The one connection; the listener is closed and unlinked whatever happens. Raises TimeoutError."""
        try:
            self._socket.settimeout(connect_seconds)
            connection, _ = self._socket.accept()
        finally:
            self._socket.close()
            self._path.unlink(missing_ok=True)
        return Channel(connection)


def connect(folder: Path, deadline: float) -> Channel:
    """The contestant's end. It waits for the referee's socket to appear: the containers start in any order."""
    while True:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.connect(str(folder / SOCKET_NAME))
            return Channel(connection)
        except OSError as error:
            connection.close()
            if time.monotonic() > deadline:
                raise ChannelTimeout("the referee's socket didn't appear") from error
            time.sleep(0.02)
