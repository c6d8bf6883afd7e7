# A name in an f-string.
part = "globals"
name = f"__{part}__"  # finds prism:no-dynamic-code


def train(ctx):
    return name
