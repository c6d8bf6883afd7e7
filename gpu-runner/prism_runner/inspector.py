"""The inspector: parses and measures bundles, and never executes them. One JSON object a line in, one out, in order.

Modules are parsed in a child with limits on memory and CPU (`parsing_child`): a source that crashes the parser, or
keeps it busy, is a module error and nothing more. What is read off a tree is in `inspect_module`.
"""

import json
import time
import warnings
from typing import BinaryIO

from prism_runner.bundle import xz_bytes
from prism_runner.fields import FieldError, Fields, parse_object
from prism_runner.inspect_module import to_json, unparsed
from prism_runner.inspector_request import LONGEST_LINE, decoded, read_files
from prism_runner.parsing_child import ParsingChild

REQUEST_SECONDS = 15.0  # a bundle, by the wall clock: whoever asks must get an answer
LONGEST_ANSWER = 8 << 20  # about a module
ANSWER_BYTES = 24 << 20  # about a bundle
CHILDREN = 2  # at work on one request


def run(requests: BinaryIO, answers: BinaryIO) -> int:
    """Answer every line until the input ends."""
    warnings.simplefilter("ignore")  # the parser's own, about submitted sources
    children = [ParsingChild(CHILDREN) for _ in range(CHILDREN)]
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
    deadline = time.monotonic() + REQUEST_SECONDS
    try:
        request = parse_object(line)
        if "bundle" in request:
            measured = xz_bytes(decoded(request, "bundle"))
            return json.dumps({"id": request.get("id"), "xzBytes": measured}).encode()
        for at, child in enumerate(children):
            child.ask(line, at, deadline)  # they read it while it is read here
        sources = read_files(request)
    except (FieldError, ValueError) as error:
        for child in children:
            child.close()
        return json.dumps({"id": request.get("id"), "error": str(error)}).encode()
    modules, left = [], ANSWER_BYTES
    for at, (path, source) in enumerate(sources.items()):
        facts = children[at % CHILDREN].facts(line, at, deadline, min(left, LONGEST_ANSWER))
        if facts is None:
            facts = to_json(unparsed(path, source, "the parser gave up: too deep, too large or too slow"))
        modules.append(facts)
        left = max(0, left - len(facts))
    return b'{"id": %s, "modules": [%s]}' % (json.dumps(request.get("id")).encode(), b", ".join(modules))
