# A profiler that writes where it likes.
import torch


def train(ctx):
    with torch.profiler.profile() as profile:
        pass
    profile.export_chrome_trace("/tmp/trace.json")  # finds prism:no-filesystem
