# A class whose source is put together from texts.
import dataclasses


def train(ctx):
    return dataclasses.make_dataclass("Point", ["x", "y"])  # finds prism:no-dynamic-code
