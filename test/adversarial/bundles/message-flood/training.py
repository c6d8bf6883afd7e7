"""Sends well-formed messages, thousands of them, and reads no answer."""

from channel_parts import channel_socket, message
from loop import learn


def flood(step):
    if step != 3:
        return
    connection = channel_socket()
    try:
        while True:
            connection.sendall(message("next") * 10_000)
    except OSError:
        pass


def train(ctx):
    learn(ctx, ctx.build_model(), after_step=flood)
