# A function that calls what it is handed with the rest of its arguments.
def call(f, *args):
    return f(*args)  # finds prism:no-filesystem


def train(ctx):
    return call(open, "/etc/passwd")  # finds prism:no-filesystem
