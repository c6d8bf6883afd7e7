# Reading what nobody writes.
def train(ctx):
    return input()  # finds prism:no-process
