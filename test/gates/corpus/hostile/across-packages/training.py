# A package hands the module on that another one imported.
from parts import t
from parts.deep import *
import parts.deep


def train(ctx):
    t.hub.load("a/b", "c")  # finds prism:no-torch-hub
    u.hub.load("a/b", "c")  # finds prism:no-torch-hub
    return parts.deep.u.hub.list("a/b")  # finds prism:no-torch-hub
