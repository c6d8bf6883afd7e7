# A function's globals.
def train(ctx):
    return train.__globals__["__builtins__"]  # finds prism:no-dynamic-code
