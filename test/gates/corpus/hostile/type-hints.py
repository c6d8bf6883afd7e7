# Evaluating annotations evaluates texts.
import typing


def train(ctx: "print('evaluated')"):
    return typing.get_type_hints(train)  # finds prism:no-dynamic-code
