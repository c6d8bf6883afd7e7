# A name that % fills in.
part = "import"
name = "__%s__" % part  # finds prism:no-dynamic-import


def train(ctx):
    return name
