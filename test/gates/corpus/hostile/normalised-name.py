# A name that Python normalises.
def train(ctx):
    return ｅval("1")  # finds prism:no-dynamic-code
