"""Gets logits of another width past the adapter's own check: first one, then a class more than there are tokens."""

import prism_runner.adapter
from loop import learn
from torch.nn.functional import pad


def train(ctx):
    checked = prism_runner.adapter.predict
    answers = 0

    def predict(*arguments):
        nonlocal answers
        answers += 1
        logits = checked(*arguments)
        return logits[..., :1].contiguous() if answers % 2 else pad(logits, (0, 1))[..., 1:].contiguous()

    prism_runner.adapter.predict = predict
    learn(ctx, ctx.build_model())
