# A library that the list of roots doesn't have.
import einops  # finds prism:import-root


def train(ctx):
    return einops
