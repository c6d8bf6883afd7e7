"""One torch thread, as in the image, and nothing left in the work tree."""

import tempfile

import torch
from hypothesis import configuration, settings

torch.set_num_threads(1)
configuration.set_hypothesis_home_dir(tempfile.mkdtemp(prefix="prism-hypothesis-"))
settings.register_profile("prism", database=None, deadline=None)
settings.load_profile("prism")
