# A name that is joined of letters.
def train(ctx):
    name = "".join(["e", "x", "e", "c"])  # finds prism:no-dynamic-code
    return name
