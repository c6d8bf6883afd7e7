# Imported under another name.
import subprocess as numpy_like  # finds prism:no-process


def train(ctx):
    numpy_like.run(["id"])  # finds prism:no-process
