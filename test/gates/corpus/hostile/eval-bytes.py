# A name in hexadecimal.
name = bytes.fromhex("6576616c").decode()  # finds prism:no-dynamic-code


def train(ctx):
    return name
