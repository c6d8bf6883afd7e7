# The same by map.
name = "".join(map(chr, [101, 118, 97, 108]))  # finds prism:no-dynamic-code


def train(ctx):
    return name
