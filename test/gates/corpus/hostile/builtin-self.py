# A builtin function's module.
def train(ctx):
    return print.__self__  # finds prism:no-attribute-escape
