# A builtin as a keyword of a dictionary's update.
d = {}
d.update(k=open)  # finds prism:no-filesystem


def train(ctx):
    return d["k"]("/etc/passwd")  # finds prism:no-filesystem
