# A name of character codes.
name = "".join(chr(code) for code in (101, 120, 101, 99))  # finds prism:no-dynamic-code


def train(ctx):
    return name
