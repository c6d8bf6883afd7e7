"""Prints a gigabyte."""

from loop import learn

LINE = "x" * 1023


def flood(step):
    if step == 3:
        for _ in range(1 << 20):
            print(LINE)


def train(ctx):
    learn(ctx, ctx.build_model(), after_step=flood)
