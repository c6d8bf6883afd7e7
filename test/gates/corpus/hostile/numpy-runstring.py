# numpy's test tools execute texts.
import numpy as np


def train(ctx):
    return np.testing.runstring("print(1)", {})  # finds prism:no-process
