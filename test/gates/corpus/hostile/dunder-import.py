# The function behind the import statement, called.
def train(ctx):
    return __import__("os")  # finds prism:no-dynamic-import
