# A pattern reads an attribute without a dot.
def train(ctx):
    match train:
        case object(__globals__=everything):  # finds prism:no-dynamic-code
            return everything
