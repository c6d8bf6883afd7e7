"""Looks for another way to the referee than the one connection that the adapter has."""

import os
import socket

from loop import learn


def knock():
    if os.listdir("/channel"):
        raise RuntimeError(f"the channel holds {os.listdir('/channel')}")
    for address in ("/channel/referee.sock", "\0/channel/referee.sock", "\0referee.sock"):
        other = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        if other.connect_ex(address) == 0:
            raise RuntimeError(f"a second connection was accepted at {address!r}")
    try:
        socket.socket(socket.AF_UNIX, socket.SOCK_STREAM).bind("/channel/referee.sock")
    except OSError:
        return
    raise RuntimeError("a socket of its own stands in the referee's place")


def train(ctx):
    knock()
    learn(ctx, ctx.build_model(), after_step=lambda step: step % 64 == 1 and knock())
    knock()
