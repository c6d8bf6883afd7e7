# One statement, several modules.
import math, sys, json  # finds prism:no-process prism:import-root


def train(ctx):
    return math.pi
