# A name that is written backwards.
name = "lave"[::-1]  # finds prism:no-dynamic-code


def train(ctx):
    return name
