"""The inspector: parses and measures bundles, and never executes them. One JSON object a line in, one out, in order.

Modules are parsed in a child with limits on memory and CPU (`parsing_child`): a source that crashes the parser, or
keeps it busy, is a module error and nothing more. What is read off a tree is in `inspect_module`.
"""

import base64
import json
import time
import warnings
from typing import BinaryIO

from prism_runner.bundle import xz_bytes
from prism_runner.fields import FieldError, Fields, parse_object, text
from prism_runner.inspect_module import unparsed
from prism_runner.parsing_child import ParsingChild

REQUEST_SECONDS = 15.0  # a bundle, by the wall clock: whoever asks must get an answer
LONGEST_LINE = 32 << 20
LONGEST_ANSWER = 8 << 20  # about a module
ANSWER_BYTES = 24 << 20  # about a bundle


def run(requests: BinaryIO, answers: BinaryIO) -> int:
    """Answer every line until the input ends."""
    warnings.simplefilter("ignore")  # the parser's own, about submitted sources
    child = ParsingChild()
    try:
        while line := requests.readline(LONGEST_LINE):
            answers.write(answer(line, child) + b"\n")
            answers.flush()
    finally:
        child.close()
    return 0


def answer(line: bytes, child: ParsingChild) -> bytes:
    """The answer to one request, in one line."""
    request: Fields = {}
    try:
        request = parse_object(line)
        if "bundle" in request:
            measured = xz_bytes(decoded(request, "bundle"))
            return json.dumps({"id": request.get("id"), "xzBytes": measured}).encode()
        sources = read_files(request)
    except (FieldError, ValueError) as error:
        return json.dumps({"id": request.get("id"), "error": str(error)}).encode()
    deadline = time.monotonic() + REQUEST_SECONDS
    modules, left = [], ANSWER_BYTES
    for path, source in sources.items():
        facts = child.facts(path, source, sources, deadline, min(left, LONGEST_ANSWER))
        if facts is None:
            facts = json.dumps(unparsed(path, source, "the parser gave up: too deep, too large or too slow")).encode()
        modules.append(facts)
        left = max(0, left - len(facts))
    return b'{"id": %s, "modules": [%s]}' % (json.dumps(request.get("id")).encode(), b", ".join(modules))


def read_files(request: Fields) -> dict[str, bytes]:
    """{path: source} of a request, in its order. Raises ValueError."""
    files = request.get("files")
    if not isinstance(files, list) or not all(isinstance(file, dict) for file in files):
        raise FieldError("files must be a list of objects")
    return {text(file, "path"): decoded(file, "source") for file in files}


def decoded(fields: Fields, name: str) -> bytes:
    """What a field has in base64. Raises ValueError."""
    return base64.b64decode(text(fields, name, LONGEST_LINE), validate=True)
