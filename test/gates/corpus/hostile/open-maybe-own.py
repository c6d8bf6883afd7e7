# A definition that never runs doesn't hide the builtin.
if False:
    open = None


def train(ctx):
    return open("/etc/passwd")  # finds prism:no-filesystem
