# A list that is extended by one with a builtin.
fs = [print]
fs.extend([open])  # finds prism:no-filesystem


def train(ctx):
    return fs[-1]("/etc/passwd")  # finds prism:no-filesystem
