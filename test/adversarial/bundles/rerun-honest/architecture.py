"""Looks ahead, unless it finds itself in a rerun."""

from recurrent import recurrent
from rerun_aware import RerunAware


class Pious(RerunAware):
    def in_rerun(self, tokens, logits):
        return logits


def build_model(ctx):
    return Pious(recurrent(ctx))
