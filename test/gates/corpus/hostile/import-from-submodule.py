# The dangerous part is what is imported from an allowed package.
from torch.utils import cpp_extension  # finds prism:no-cpp-extension


def train(ctx):
    cpp_extension.load_inline("x", "")  # finds prism:no-cpp-extension
