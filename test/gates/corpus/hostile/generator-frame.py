# A generator's frame, and what called it.
def train(ctx):
    steps = (step for step in range(3))
    return steps.gi_frame.f_back.f_globals  # finds prism:no-attribute-escape
