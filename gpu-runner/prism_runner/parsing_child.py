"""A forked child that parses one module after the other, under limits on memory and CPU.

Its parent, which nobody can crash or keep busy, waits for it no longer than it wants to. A fork costs more than reading
a module does, so a child serves until a source brings it down, or until it has grown; then the next one is forked. It
is sent a request as a whole, and reads the next module while its parent takes the facts of the one before.
"""

import gc
import os
import resource
import select
import signal
import sys
import time
from typing import BinaryIO, NoReturn

from prism_runner.fields import parse_object
from prism_runner.inspect_module import inspect_source, to_json
from prism_runner.inspector_request import read_files

CPU_SECONDS = 5  # a module
MEMORY_BYTES = 1 << 30
GROWN_KIB = 160 << 10  # of resident memory at its peak
STACK_BYTES = 64 << 20
RECURSION_LIMIT = 10_000  # frames of the parser's own recursion; the stack is sized for it
NUMBER_BYTES = 4


class ParsingChild:
    """The parent's side: asks, waits no longer than it wants to, and replaces a child that is gone."""

    def __init__(self, step: int) -> None:
        self._step = step  # of a request it reads every so many modules
        self._pid = 0
        self._questions = self._answers = -1
        self._next: tuple[bytes, int] = (b"", 0)  # the request and its module that it is about to answer

    def ask(self, request: bytes, at: int, deadline: float) -> bool:
        """Let the child read the modules of the request from number `at` on; whether it took the request."""
        if self._pid == 0:
            self._fork()
        self._next = (request, at)
        numbers = (len(request), at, self._step)
        return self._send(b"".join(number.to_bytes(NUMBER_BYTES, "big") for number in numbers) + request, deadline)

    def facts(self, request: bytes, at: int, deadline: float, longest: int) -> bytes | None:
        """Facts of the request's module number `at`, one after the other, as JSON; None where the child didn't survive
        it, or answered too late or too much."""
        facts, header = None, b""
        if (self._next[0] is request and self._next[1] == at) or self.ask(request, at, deadline):
            header = self._read(NUMBER_BYTES + 1, deadline)
            length = int.from_bytes(header[:NUMBER_BYTES], "big")
            if len(header) > NUMBER_BYTES and length <= longest:
                facts = self._read(length, deadline)
                facts = facts if len(facts) == length else None
        self._next = (request, at + self._step)
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
            self._next = (b"", 0)

    def _fork(self) -> None:
        asked, self._questions = os.pipe()
        self._answers, answering = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            keep_only(asked, answering)
            be_the_child(asked, answering)
        os.close(asked)
        os.close(answering)
        os.set_blocking(self._questions, False)

    def _send(self, question: bytes, deadline: float) -> bool:
        left = memoryview(question)
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


def keep_only(*files: int) -> None:
    """Close whatever else is open, the pipes of another child among it."""
    start = 3  # behind input, output and errors
    for end in [*sorted(files), resource.getrlimit(resource.RLIMIT_NOFILE)[0]]:
        os.closerange(start, end)
        start = end + 1


def be_the_child(asked: int, answering: int) -> NoReturn:
    """Answer until the parent is gone; leave without running anybody's exit handlers."""
    try:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
        resource.setrlimit(resource.RLIMIT_STACK, (STACK_BYTES, resource.getrlimit(resource.RLIMIT_STACK)[1]))
        sys.setrecursionlimit(RECURSION_LIMIT)
        gc.disable()  # what it would find isn't worth its time: a child that has grown is replaced
        with open(asked, "rb") as questions, open(answering, "wb") as answers:
            while header := questions.read(3 * NUMBER_BYTES):
                allow_cpu()
                length, first, step = (int.from_bytes(header[at : at + NUMBER_BYTES], "big") for at in (0, 4, 8))
                answer_from(questions.read(length), first, step, answers)
    finally:
        os._exit(0)  # the parent sees by the answer whether there is one


def allow_cpu() -> None:
    """Let the child use CPU_SECONDS from now on."""
    seconds = int(time.process_time()) + 1 + CPU_SECONDS
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, resource.getrlimit(resource.RLIMIT_CPU)[1]))


def answer_from(request: bytes, first: int, step: int, answers: BinaryIO) -> None:
    """Write the facts of every `step`-th of the request's modules, from number `first` on: each behind their length and
    a byte that says whether the child has grown."""
    sources = read_files(parse_object(request))
    paths = frozenset(sources)
    for path in [*sources][first::step]:
        allow_cpu()
        facts = to_json(inspect_source(path, sources[path], paths))
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss > GROWN_KIB
        answers.write(len(facts).to_bytes(NUMBER_BYTES, "big") + bytes([grown]) + facts)
        answers.flush()
