# `o = open`.
o = open  # finds prism:no-filesystem


def train(ctx):
    return o("/etc/passwd").read()  # finds prism:no-filesystem
