# Bound by a loop over modules.
import math
import torch


def train(ctx):
    for module in (math, torch):
        if hasattr(module, "nn"):
            return module.hub.load("a/b", "c")  # finds prism:no-torch-hub
