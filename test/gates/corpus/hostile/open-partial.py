# A builtin that is bound to its argument.
import functools

read = functools.partial(open, "/etc/passwd")  # finds prism:no-filesystem


def train(ctx):
    return read()  # finds prism:no-filesystem
