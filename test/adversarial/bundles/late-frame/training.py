"""Answers the tenth frame when its time is over."""

import time

from loop import learn
from prism_runner.adapter import Adapter


def train(ctx):
    send = Adapter.send_logits

    def send_late(self, frame, logits):
        if frame == 10:
            time.sleep(3600)
        send(self, frame, logits)

    Adapter.send_logits = send_late
    learn(ctx, ctx.build_model())
