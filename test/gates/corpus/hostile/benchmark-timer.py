# A timer that executes a text.
from torch.utils.benchmark import Timer  # finds prism:no-process


def train(ctx):
    return Timer(stmt="print(1)").timeit(1)  # finds prism:no-process
