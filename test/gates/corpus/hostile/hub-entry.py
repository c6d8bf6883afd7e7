# The module is an entry of a dictionary that is an attribute.
import torch


class Tools:
    def __init__(self):
        self.known = {}
        self.known.setdefault("deep", {})["torch"] = torch

    def fetch(self):
        return self.known["deep"]["torch"].hub.load("a/b", "c")  # finds prism:no-torch-hub


def train(ctx):
    return Tools().fetch()
