"""Answers for all positions of a frame but the last, and asks for the next batch."""

from loop import learn
from prism_runner.adapter import Adapter


def train(ctx):
    send = Adapter.send_logits

    def send_fewer(self, frame, logits):
        send(self, frame, logits.flatten(0, 1)[:-1].unsqueeze(0))
        self.say("next")

    Adapter.send_logits = send_fewer
    learn(ctx, ctx.build_model())
