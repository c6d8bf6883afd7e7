# The frame of an exception.
def train(ctx):
    try:
        raise ValueError
    except ValueError as error:
        return error.__traceback__.tb_frame.f_locals  # finds prism:no-attribute-escape
