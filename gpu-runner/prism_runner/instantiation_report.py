"""What became of a bundle's model, in one line of JSON (`prism_instantiation.v1`, PROTOCOL.md §12).

Submitted code runs in the same process: every word of it is a claim.
"""

import json
import os
import resource
import threading
import time
from collections.abc import Sequence
from typing import NoReturn

from torch import Tensor
from torch.nn import Module
from torch.nn.parameter import is_lazy

from prism_runner.submitted import LONGEST_CLAIM_BYTES

SCHEMA = "prism_instantiation.v1"
MOST_DIMENSIONS = 8
LONGEST_NAME = 100


class Report:
    """What is found out, and the one chance to say it: the main line's, or the watch's when that takes too long."""

    def __init__(self, answers: int) -> None:
        """`answers` is the descriptor that the line is written to."""
        self._answers = answers
        self._said = threading.Lock()
        self.stage = "import"
        self._facts: dict[str, object] = {
            "failure": None,
            "parameters": None,
            "buffers": None,
            "asked": None,
            "output": None,
        }
        self.probes: list[dict[str, object]] = []
        self.behaviour: str | None = None

    def fail(self, kind: str, where: str | None, message: str) -> None:
        """What went wrong, and where in the bundle."""
        words = message.encode("utf-8", "replace")[-LONGEST_CLAIM_BYTES:].decode("utf-8", "ignore")
        self._facts["failure"] = {"kind": kind, "where": where, "message": words}

    def weigh(self, model: Module) -> int:
        """Count elements as they are realised now, shared ones once."""
        parameters, buffers = realised(list(model.parameters())), realised(list(model.buffers()))
        self._facts |= {"parameters": parameters, "buffers": buffers}
        return parameters + buffers

    def describe(self, output: object, shape: tuple[int, int], vocab: int) -> bool:
        """Note what a forward over tokens of that shape gave; true where it is what the referee takes."""
        self._facts["asked"] = {"rows": shape[0], "length": shape[1], "vocab": vocab}
        given: dict[str, object] = {"type": type(output).__name__[:LONGEST_NAME], "shape": None, "dtype": None}
        if isinstance(output, Tensor):
            given["shape"] = [int(size) for size in output.shape[:MOST_DIMENSIONS]]
            given["dtype"] = str(output.dtype).removeprefix("torch.")[:LONGEST_NAME]
        self._facts["output"] = given
        return (
            isinstance(output, Tensor)
            and tuple(output.shape) == (*shape, vocab)
            and output.is_floating_point()
            and output.element_size() > 1
        )

    def send(self) -> NoReturn:
        """Say it and end the process, past every exit handler of submitted code."""
        self._said.acquire()  # never released: whoever comes second waits for the end
        usage = {
            "cpuSeconds": round(time.process_time(), 3),
            "peakRssBytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        }
        found = {**self._facts, "probes": self.probes, "behaviour": self.behaviour}
        facts = {"schema": SCHEMA, "stage": self.stage, **found, **usage}
        os.write(self._answers, json.dumps(facts).encode() + b"\n")
        os._exit(0)


def realised(tensors: Sequence[Tensor]) -> int:
    """Elements of the tensors that have values."""
    return sum(tensor.numel() for tensor in tensors if not is_lazy(tensor))
