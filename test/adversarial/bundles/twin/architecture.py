"""What attackers earn without their attack."""

from recurrent import recurrent


def build_model(ctx):
    return recurrent(ctx)
