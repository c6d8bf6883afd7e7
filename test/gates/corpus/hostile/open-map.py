# A builtin that is handed to another.
def train(ctx):
    return list(map(open, ["/etc/passwd"]))  # finds prism:no-filesystem
