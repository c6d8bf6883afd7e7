# Threads outlive a batch.
from threading import Thread  # finds prism:no-process


def train(ctx):
    Thread(target=print).start()  # finds prism:no-process
