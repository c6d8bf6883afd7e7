"""The inspector: parses and measures bundles, and never executes them. One JSON object a line in, one out, in order.

Each module is parsed in a forked child with limits on memory and CPU: a source that crashes the parser, or keeps it
busy, is a module error and nothing more. What is read off a tree is in `inspect_module`.
"""

import base64
import json
import os
import resource
import select
import signal
import sys
import time
import warnings
from typing import BinaryIO, NoReturn

from prism_runner.bundle import xz_bytes
from prism_runner.fields import FieldError, Fields, parse_object, text
from prism_runner.inspect_module import ModuleFacts, inspect_source, unparsed

CPU_SECONDS = 5  # a module
REQUEST_SECONDS = 15.0  # a bundle, by the wall clock: whoever asks must get an answer
MEMORY_BYTES = 1 << 30
STACK_BYTES = 64 << 20
LONGEST_LINE = 32 << 20
LONGEST_ANSWER = 8 << 20
RECURSION_LIMIT = 10_000  # frames of the parser's own recursion; the stack is sized for it


def run(requests: BinaryIO, answers: BinaryIO) -> int:
    """Answer every line until the input ends."""
    warnings.simplefilter("ignore")  # the parser's own, about submitted sources
    while line := requests.readline(LONGEST_LINE):
        answers.write(json.dumps(answer(line)).encode() + b"\n")
        answers.flush()
    return 0


def answer(line: bytes) -> dict[str, object]:
    """The answer to one request."""
    request: Fields = {}
    try:
        request = parse_object(line)
        if "bundle" in request:
            return {"id": request.get("id"), "xzBytes": xz_bytes(decoded(request, "bundle"))}
        sources = read_files(request)
    except (FieldError, ValueError) as error:
        return {"id": request.get("id"), "error": str(error)}
    paths, deadline = frozenset(sources), time.monotonic() + REQUEST_SECONDS
    modules = [guarded(path, source, paths, deadline) for path, source in sources.items()]
    return {"id": request.get("id"), "modules": modules}


def read_files(request: Fields) -> dict[str, bytes]:
    """{path: source} of a request, in its order. Raises ValueError."""
    files = request.get("files")
    if not isinstance(files, list) or not all(isinstance(file, dict) for file in files):
        raise FieldError("files must be a list of objects")
    return {text(file, "path"): decoded(file, "source") for file in files}


def decoded(fields: Fields, name: str) -> bytes:
    """What a field has in base64. Raises ValueError."""
    return base64.b64decode(text(fields, name, LONGEST_LINE), validate=True)


def guarded(path: str, source: bytes, paths: frozenset[str], deadline: float) -> ModuleFacts:
    """Inspect one module in a child process; whatever happens to the child is an error of the module."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        be_the_child(path, source, paths, writing)
    os.close(writing)
    try:
        raw = read_all(reading, deadline)
    finally:
        os.close(reading)
        os.kill(child, signal.SIGKILL)  # it has answered, or it never will
        os.waitpid(child, 0)
    try:
        facts: ModuleFacts = json.loads(raw)
        return facts
    except (ValueError, RecursionError):
        return unparsed(path, source, "the parser gave up: too deep, too large or too slow")


def be_the_child(path: str, source: bytes, paths: frozenset[str], writing: int) -> NoReturn:
    """Parse under limits, write the facts, leave without running anybody's exit handlers."""
    try:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
        resource.setrlimit(resource.RLIMIT_STACK, (STACK_BYTES, resource.getrlimit(resource.RLIMIT_STACK)[1]))
        sys.setrecursionlimit(RECURSION_LIMIT)
        raw = json.dumps(inspect_source(path, source, paths)).encode()
        while raw:
            raw = raw[os.write(writing, raw) :]
    finally:
        os._exit(0)  # the parent sees by the answer whether there is one


def read_all(descriptor: int, deadline: float) -> bytes:
    """What the child writes until it closes its end; cut at the deadline and at LONGEST_ANSWER."""
    received = b""
    while len(received) <= LONGEST_ANSWER:
        ready, _, _ = select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))
        piece = os.read(descriptor, 1 << 16) if ready else b""
        if not piece:
            break
        received += piece
    return received
