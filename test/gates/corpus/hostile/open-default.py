# A builtin as a parameter's default.
def train(ctx, read=open):  # finds prism:no-filesystem
    return read("/etc/passwd")  # finds prism:no-filesystem
