# __import__, called.
def train(ctx):
    return __import__("os")  # finds prism:no-dynamic-import
