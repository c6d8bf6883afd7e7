# A format string reads attributes.
def train(ctx):
    return "{0.__init__.__globals__}".format(ctx)  # finds prism:no-dynamic-code
