# The loader that every module has.
def train(ctx):
    return __loader__.load_module("os")  # finds prism:no-dynamic-import
