# From a tuple to every class there is.
def train(ctx):
    return ().__class__.__base__.__subclasses__()  # finds prism:no-dynamic-code
