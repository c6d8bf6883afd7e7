# A name that a format fills in.
name = "__{}__".format("import")  # finds prism:no-dynamic-import


def train(ctx):
    return name
