"""Takes memory, and uses it, until there is no more."""

from loop import learn


def take(step):
    if step == 3:
        taken = []
        while True:
            taken.append(b"\1" * (64 << 20))


def train(ctx):
    learn(ctx, ctx.build_model(), after_step=take)
