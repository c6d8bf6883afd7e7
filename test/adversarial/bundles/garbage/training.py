"""Sends what is no message, for as long as somebody listens."""

from channel_parts import channel_socket
from loop import learn


def flood(step):
    if step != 3:
        return
    connection = channel_socket()
    try:
        while True:
            connection.sendall(b"\xff" * (1 << 20))
    except OSError:
        pass


def train(ctx):
    learn(ctx, ctx.build_model(), after_step=flood)
