"""A forked child that parses one module after the other, under limits on memory and CPU.

Its parent, which nobody can crash or keep busy, waits for it no longer than it wants to. A fork costs more than reading
a module does, so a child serves until a source brings it down, or until it has grown; then the next one is forked.
"""

import base64
import gc
import json
import os
import resource
import select
import signal
import sys
import time
from collections.abc import Iterable
from typing import BinaryIO, NoReturn

from prism_runner.inspect_module import inspect_source

CPU_SECONDS = 5  # a module
MEMORY_BYTES = 1 << 30
GROWN_KIB = 160 << 10  # of resident memory at its peak
STACK_BYTES = 64 << 20
RECURSION_LIMIT = 10_000  # frames of the parser's own recursion; the stack is sized for it
LENGTH_BYTES = 4


class ParsingChild:
    """The parent's side: asks, waits no longer than it wants to, and replaces a child that is gone."""

    def __init__(self) -> None:
        self._pid = 0
        self._questions = self._answers = -1

    def facts(self, path: str, source: bytes, paths: Iterable[str], deadline: float, longest: int) -> bytes | None:
        """The module's facts as JSON; None where the child didn't survive it, or answered too late or too much."""
        if self._pid == 0:
            self._fork()
        question = {"path": path, "source": base64.b64encode(source).decode(), "paths": sorted(paths)}
        facts = None
        if self._send(json.dumps(question).encode(), deadline):
            header = self._read(LENGTH_BYTES + 1, deadline)
            length = int.from_bytes(header[:LENGTH_BYTES], "big")
            if len(header) > LENGTH_BYTES and length <= longest:
                facts = self._read(length, deadline)
                facts = facts if len(facts) == length else None
        if facts is None or header[-1] == 1:
            self.close()
        return facts

    def close(self) -> None:
        """End the child, whatever it is at."""
        if self._pid != 0:
            os.close(self._questions)
            os.close(self._answers)
            os.kill(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)
            self._pid = 0

    def _fork(self) -> None:
        asked, self._questions = os.pipe()
        self._answers, answering = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            os.close(self._questions)
            os.close(self._answers)
            be_the_child(asked, answering)
        os.close(asked)
        os.close(answering)
        os.set_blocking(self._questions, False)

    def _send(self, question: bytes, deadline: float) -> bool:
        left = memoryview(len(question).to_bytes(LENGTH_BYTES, "big") + question)
        while left:
            _, ready, _ = select.select([], [self._questions], [], max(0.0, deadline - time.monotonic()))
            try:
                left = left[os.write(self._questions, left) if ready else len(left) + 1 :]
            except BrokenPipeError:
                return False
            if not ready:
                return False
        return True

    def _read(self, count: int, deadline: float) -> bytes:
        received = bytearray()
        while len(received) < count:
            ready, _, _ = select.select([self._answers], [], [], max(0.0, deadline - time.monotonic()))
            piece = os.read(self._answers, min(count - len(received), 1 << 20)) if ready else b""
            if not piece:
                break
            received += piece
        return bytes(received)


def be_the_child(asked: int, answering: int) -> NoReturn:
    """Answer until the parent is gone; leave without running anybody's exit handlers."""
    try:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
        resource.setrlimit(resource.RLIMIT_STACK, (STACK_BYTES, resource.getrlimit(resource.RLIMIT_STACK)[1]))
        sys.setrecursionlimit(RECURSION_LIMIT)
        gc.disable()  # what it would find isn't worth its time: a child that has grown is replaced
        with open(asked, "rb") as questions, open(answering, "wb") as answers:
            while header := questions.read(LENGTH_BYTES):
                answer_one(json.loads(questions.read(int.from_bytes(header, "big"))), answers)
    finally:
        os._exit(0)  # the parent sees by the answer whether there is one


def answer_one(question: dict[str, str], answers: BinaryIO) -> None:
    """Write the facts behind their length and a byte that says whether this was the child's last answer."""
    seconds = int(time.process_time()) + 1 + CPU_SECONDS
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, resource.getrlimit(resource.RLIMIT_CPU)[1]))
    source = base64.b64decode(question["source"])
    facts = json.dumps(inspect_source(question["path"], source, frozenset(question["paths"]))).encode()
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss > GROWN_KIB
    answers.write(len(facts).to_bytes(LENGTH_BYTES, "big") + bytes([grown]) + facts)
    answers.flush()
