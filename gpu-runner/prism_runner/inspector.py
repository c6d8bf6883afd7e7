"""The inspector: parses and measures bundles, and never executes them. One JSON object a line in, one out, in order.

Modules are parsed in a child with limits on memory and CPU (`parsing_child`): a source that crashes the parser, or
keeps it busy, is a module error and nothing more; a host that leaves the child no core or no memory is an error of the
answer, which says nothing about the source. What is read off a tree is in `inspect_module`.
"""

import json
import time
import warnings
from typing import BinaryIO

from prism_runner.bundle import xz_bytes
from prism_runner.fields import Fields, parse_object
from prism_runner.inspect_module import to_json, unparsed
from prism_runner.inspector_request import LONGEST_LINE, decoded, read_files
from prism_runner.parsing_child import HostFault, ParsingChild

REQUEST_SECONDS = 15.0  # by the wall clock, for who has a core: more than the children's CPU time together
LONGEST_ANSWER = 8 << 20  # about a module
ANSWER_BYTES = 24 << 20  # about a bundle
CHILDREN = 2  # at work on one request


def run(requests: BinaryIO, answers: BinaryIO) -> int:
    """Answer every line until the input ends."""
    warnings.simplefilter("ignore")  # the parser's own, about submitted sources
    children = [ParsingChild(first, CHILDREN) for first in range(CHILDREN)]
    try:
        while line := requests.readline(LONGEST_LINE):
            answers.write(answer(line, children) + b"\n")
            answers.flush()
    finally:
        for child in children:
            child.close()
    return 0


def answer(line: bytes, children: list[ParsingChild]) -> bytes:
    """The answer to one request, in one line."""
    request: Fields = {}
    try:
        request = parse_object(line)
        if "bundle" in request:
            measured = xz_bytes(decoded(request, "bundle"))
            return json.dumps({"id": request.get("id"), "xzBytes": measured}).encode()
        modules = b", ".join(modules_of(request, line, children))
        return b'{"id": %s, "modules": [%s]}' % (json.dumps(request.get("id")).encode(), modules)
    except (HostFault, ValueError) as error:
        for child in children:
            child.close()
        return json.dumps({"id": request.get("id"), "error": str(error)}).encode()


def modules_of(request: Fields, line: bytes, children: list[ParsingChild]) -> list[bytes]:
    """Facts of every module of a request. Raises HostFault, and ValueError for what isn't a request."""
    deadline = time.monotonic() + REQUEST_SECONDS
    for child in children:
        child.ask(line, deadline)  # they read it while it is read here
    modules, left = [], ANSWER_BYTES
    for at, (path, source) in enumerate(read_files(request).items()):
        facts = children[at % CHILDREN].facts(line, at, deadline, min(left, LONGEST_ANSWER))
        if facts is None:
            facts = to_json(unparsed(path, source, "the parser gave up: too deep, too large or too slow"))
        modules.append(facts)
        left = max(0, left - len(facts))
    return modules
