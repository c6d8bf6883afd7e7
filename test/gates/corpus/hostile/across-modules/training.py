# A module of the bundle hands the name on.
from helpers import library  # finds prism:no-torch-hub
import helpers


def train(ctx):
    library.load("a/b", "c")  # finds prism:no-torch-hub
    return helpers.library.list("a/b")  # finds prism:no-torch-hub
