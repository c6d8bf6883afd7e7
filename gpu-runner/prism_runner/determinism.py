"""Forced initialisation: every generator seeded, every deterministic switch set, before submitted code is imported."""

import os
import random
import warnings
from typing import TextIO

import numpy
import torch


def force(seed: int, threads: int) -> None:
    """Seed torch, numpy and random with `seed` (0 … 2^31 - 1) and fix what may change numbers."""
    os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"  # read when a CUDA device is first used
    torch.set_num_threads(threads)
    torch.set_num_interop_threads(1)
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.backends.cudnn.deterministic = True
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cuda.matmul.allow_tf32 = False
    reseed(seed)


def reseed(seed: int) -> None:
    """Seed every generator."""
    random.seed(seed)
    numpy.random.seed(seed)
    torch.manual_seed(seed)
    torch.cuda.manual_seed_all(seed)


class WarningWatch:
    """Notices torch's warning that an operation has no deterministic form. A claim: submitted code can silence it."""

    def __init__(self) -> None:
        self.deterministic = True
        self._show = warnings.showwarning
        warnings.filterwarnings("always", message=".*deterministic")
        warnings.showwarning = self._notice

    def _notice(
        self,
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        if "use_deterministic_algorithms" in str(message):
            self.deterministic = False
        self._show(message, category, filename, lineno, file, line)
