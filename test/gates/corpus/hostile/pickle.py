# Unpickling a constant.
import pickle  # finds prism:no-deserialization


def train(ctx):
    return pickle.loads(b"cos\nsystem\n(S'id'\ntR.")  # finds prism:no-deserialization
