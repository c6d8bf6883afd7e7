# Modules that are named like Python's, torch's, and one that torch looks for.
import random


def train(ctx):
    return random.random()
