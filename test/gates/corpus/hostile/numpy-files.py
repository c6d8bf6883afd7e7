# numpy's ways to a file.
import numpy as np


def train(ctx):
    a = np.fromfile("/etc/passwd", dtype=np.uint8)  # finds prism:no-filesystem
    b = np.memmap("/etc/passwd")  # finds prism:no-filesystem
    a.tofile("/tmp/x")  # finds prism:no-filesystem
    return np.loadtxt("/etc/passwd"), b  # finds prism:no-filesystem
