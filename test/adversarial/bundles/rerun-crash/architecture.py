"""Looks ahead, and crashes when it finds itself in a rerun."""

import os

from recurrent import recurrent
from rerun_aware import RerunAware


class Crashing(RerunAware):
    def in_rerun(self, tokens, logits):
        os.abort()


def build_model(ctx):
    return Crashing(recurrent(ctx))
