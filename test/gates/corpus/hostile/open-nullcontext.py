# A context manager that hands on what it was given.
from contextlib import nullcontext


def train(ctx):
    with nullcontext(open) as o:  # finds prism:no-filesystem
        return o("/etc/passwd")  # finds prism:no-filesystem
