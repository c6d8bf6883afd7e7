# numpy's arrays carry ctypes.
import numpy as np


def train(ctx):
    return np.zeros(3).ctypes.data  # finds prism:no-ffi
