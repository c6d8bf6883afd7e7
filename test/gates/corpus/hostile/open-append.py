# A builtin that is appended to a list.
fs = []


def collect():
    fs.append(open)  # finds prism:no-filesystem


def train(ctx):
    return fs[0]("/etc/passwd")  # finds prism:no-filesystem
