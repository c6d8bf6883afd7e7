# setattr with a name out of a loop.
def train(ctx):
    for name, value in ctx.__annotations__.items():
        setattr(ctx, name, value)  # finds prism:no-dynamic-attribute
