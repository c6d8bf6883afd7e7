# A list that a builtin is added to by an operator.
fs = []
fs += [open]  # finds prism:no-filesystem


def train(ctx):
    return (fs + [print])[0]("/etc/passwd")  # finds prism:no-filesystem
