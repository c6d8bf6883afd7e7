"""The parts of the channel that lie in every contestant's process, found without being given."""

import gc
import json
import os
import socket
import struct


def channel_socket():
    for known in gc.get_objects():
        if isinstance(known, socket.socket) and known.family == socket.AF_UNIX and known.fileno() >= 0:
            return known
    raise RuntimeError("the socket is not to be found")


def memory_file():
    for name in os.listdir("/proc/self/fd"):
        try:
            if os.readlink(f"/proc/self/fd/{name}").startswith("/memfd:logits"):
                return int(name)
        except OSError:
            pass
    raise RuntimeError("the memory file is not to be found")


def message(kind, **fields):
    header = json.dumps({"kind": kind, **fields}).encode()
    return struct.pack("<I", len(header)) + header
