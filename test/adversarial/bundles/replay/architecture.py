"""Looks ahead in every true frame, and repeats there what it answered to decoys."""

from peeking import Cheat
from recurrent import recurrent


def build_model(ctx):
    return Cheat(recurrent(ctx))
