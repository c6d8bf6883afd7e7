# A decorator calls without a call.
@exec  # finds prism:no-dynamic-code
@lambda function: "print(1)"
def train(ctx):
    return None
