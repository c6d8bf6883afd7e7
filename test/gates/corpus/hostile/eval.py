# eval, called.
def train(ctx):
    return eval("1 + 1")  # finds prism:no-dynamic-code
