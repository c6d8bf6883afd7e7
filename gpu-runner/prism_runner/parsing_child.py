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
import struct
import sys
import time
from typing import BinaryIO, NoReturn

from prism_runner.fields import parse_object
from prism_runner.inspect_module import inspect_source, to_json
from prism_runner.inspector_request import read_files

CPU_SECONDS = 5  # a module
SHARE_CPU_SECONDS = 6  # all that one child reads of a request
MEMORY_BYTES = 1 << 30
GROWN_KIB = 160 << 10  # of resident memory at its peak
STACK_BYTES = 64 << 20
RECURSION_LIMIT = 10_000  # frames of the parser's own recursion; the stack is sized for it
QUESTION = struct.Struct(">IIII")  # bytes of the request, its first module, the step to the next, CPU milliseconds
ANSWER = struct.Struct(">I?I")  # bytes of the facts, whether the child has grown, CPU milliseconds of its whole life


class HostFault(Exception):
    """A child gave no answer, and no source is to blame: it was killed, or it got too little of a core."""


class ParsingChild:
    """The parent's side: asks, waits no longer than it wants to, and replaces a child that is gone."""

    def __init__(self, first: int, step: int) -> None:
        self._first, self._step = first, step  # which modules of a request it reads
        self._pid = 0
        self._questions = self._answers = -1
        self._next: tuple[bytes, int] = (b"", 0)  # the request and its module that it is about to answer
        self._used = 0.0  # CPU seconds of its life, by its last word
        self._left = 0.0  # CPU seconds, of what it may use for the request

    def ask(self, request: bytes, deadline: float) -> None:
        """Let the child begin with a request. Raises HostFault."""
        self._left = SHARE_CPU_SECONDS
        self._ask(request, self._first, deadline)

    def facts(self, request: bytes, at: int, deadline: float, longest: int) -> bytes | None:
        """Facts of the request's module number `at`, one after the other, as JSON; None where the child didn't survive
        it, had no CPU time left for it, or answered too much. Raises HostFault."""
        if self._next != (request, at):
            if self._left <= 0:
                return None
            self._ask(request, at, deadline)
        try:
            length, has_grown, milliseconds = ANSWER.unpack(self._read(ANSWER.size, deadline))
            facts = self._read(length, deadline) if length <= longest else None
        except EOFError:
            self._ended()
            return None
        self._left -= milliseconds / 1000 - self._used
        self._used = milliseconds / 1000
        self._next = (request, at + self._step)
        if facts is None or has_grown:
            self.close()
        return facts

    def close(self) -> None:
        """End the child, whatever it is at."""
        if self._pid != 0:
            os.kill(self._pid, signal.SIGKILL)
            self._reap()

    def _ask(self, request: bytes, at: int, deadline: float) -> None:
        if self._pid == 0:
            self._fork()
        self._next = (request, at)
        self._send(QUESTION.pack(len(request), at, self._step, max(0, int(self._left * 1000))) + request, deadline)

    def _ended(self) -> None:
        """Take leave of a child that a source has ended. Raises HostFault where it was somebody else."""
        status = self._reap()
        if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:  # its limits end it in other ways
            raise HostFault("a parser was killed from outside, as by a host that is out of memory")

    def _reap(self) -> int:
        os.close(self._questions)
        os.close(self._answers)
        _, status, usage = os.wait4(self._pid, 0)
        self._left -= usage.ru_utime + usage.ru_stime - self._used
        self._pid, self._used, self._next = 0, 0.0, (b"", 0)
        return status

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

    def _send(self, question: bytes, deadline: float) -> None:
        left = memoryview(question)
        while left:
            _, ready, _ = select.select([], [self._questions], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                raise HostFault("a parser didn't take its question in time")
            try:
                left = left[os.write(self._questions, left) :]
            except BrokenPipeError as error:  # it reads all of a question before it looks at any of it
                raise HostFault("a parser was gone before it had its question") from error

    def _read(self, count: int, deadline: float) -> bytes:
        """So many bytes. Raises EOFError where the child ends before it has written them."""
        received = bytearray()
        while len(received) < count:
            ready, _, _ = select.select([self._answers], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                raise HostFault("a parser got too little of a core to answer in time")
            piece = os.read(self._answers, min(count - len(received), 1 << 20))
            if not piece:
                raise EOFError
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
            while question := questions.read(QUESTION.size):
                length, first, step, milliseconds = QUESTION.unpack(question)
                share_ends = time.process_time() + milliseconds / 1000
                allow_cpu(share_ends)
                answer_from(questions.read(length), first, step, share_ends, answers)
    finally:
        os._exit(0)  # the parent sees by the answer whether there is one


def allow_cpu(share_ends: float) -> None:
    """Let the child use CPU_SECONDS from now on, and no more than its share of the request."""
    seconds = int(min(time.process_time() + CPU_SECONDS, share_ends)) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, resource.getrlimit(resource.RLIMIT_CPU)[1]))


def answer_from(request: bytes, first: int, step: int, share_ends: float, answers: BinaryIO) -> None:
    """Write the facts of every `step`-th of the request's modules, from number `first` on, each behind an ANSWER."""
    sources = read_files(parse_object(request))
    paths = frozenset(sources)
    for path in [*sources][first::step]:
        allow_cpu(share_ends)
        facts = to_json(inspect_source(path, sources[path], paths))
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss > GROWN_KIB
        answers.write(ANSWER.pack(len(facts), grown, int(time.process_time() * 1000)) + facts)
        answers.flush()
