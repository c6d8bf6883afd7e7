# Plain import of the system.
import os  # finds prism:no-process


def train(ctx):
    os.system("id")  # finds prism:no-process
