"""The inspector reads, never runs, and no source breaks it."""

import base64
import io
import json
import os
import re
import signal
from typing import Any

import pytest

from prism_runner import inspect_module, inspector, parsing_child
from prism_runner.bundle import write_canonical, xz_bytes
from prism_runner.parsing_child import ParsingChild


def inspect(sources: dict[str, str | bytes] | None = None, **named: str | bytes) -> dict[str, Any]:
    """{path: facts} of {path: source}; keyword `a` stands for the path a.py."""
    sources = {**(sources or {}), **{f"{name}.py": text for name, text in named.items()}}
    raw = {path: text if isinstance(text, bytes) else text.encode() for path, text in sources.items()}
    (answer,) = ask(request(raw))
    assert answer["id"] == 7
    return {module["path"]: module for module in answer["modules"]}


def request(sources: dict[str, bytes]) -> bytes:
    files = [{"path": path, "source": base64.b64encode(source).decode()} for path, source in sources.items()]
    return json.dumps({"id": 7, "files": files}).encode()


def request_for(source: bytes) -> bytes:
    return request({"m.py": source})


def ask(*lines: bytes) -> list[Any]:
    answers = io.BytesIO()
    inspector.run(io.BytesIO(b"\n".join(lines) + b"\n"), answers)
    return [json.loads(line) for line in answers.getvalue().splitlines()]


def test_a_bundle_is_measured_as_the_referee_does() -> None:
    bundle = write_canonical({"architecture.py": b"x" * 1000, "training.py": bytes(range(256))})
    (measured,) = ask(json.dumps({"id": 8, "bundle": base64.b64encode(bundle).decode()}).encode())
    assert measured == {"id": 8, "xzBytes": xz_bytes(bundle)}
    (refused,) = ask(json.dumps({"id": 9, "bundle": "?"}).encode())
    assert (refused["id"], "error" in refused) == (9, True)


def callables(source: str) -> dict[str, str]:
    (facts,) = inspect(m=source).values()
    assert facts["error"] is None
    return {symbol["name"]: symbol["callable"] for symbol in facts["symbols"]}


def test_definitions_classes_and_lambdas_can_be_called() -> None:
    source = "def a(): pass\nclass B: pass\nc = lambda: 0\nd: object = a\ne = f = a"
    assert callables(source) == dict.fromkeys("aBcdef", "yes")


def test_a_symbol_has_the_line_of_its_binding() -> None:
    (facts,) = inspect(m="\nasync def train(ctx): pass").values()
    assert facts["symbols"] == [{"name": "train", "callable": "yes", "line": 2}]


def test_constants_and_collections_cannot_be_called() -> None:
    assert callables("a = 1\nb = 'x'\nc = [1]\nd = {}\ne = (1, 2)\nf = -1 and 2") | {"f": "?"} == {
        **dict.fromkeys("abcde", "no"),
        "f": "?",
    }


def test_what_only_running_would_tell_is_unknown() -> None:
    source = "import os.path\nfrom x import a as b, c\nd = make()\n@wrap\ndef e(): pass\n"
    source += "if d:\n    def f(): pass\n(g, h) = 1, 2\n"
    assert callables(source) == dict.fromkeys(["os", "b", "c", "d", "e", "f", "g", "h"], "unknown")
    assert callables("from x import *") == {"*": "unknown"}


def test_the_last_binding_counts() -> None:
    assert callables("def a(): pass\na = 1\ndef b(): pass\ndel b") == {"a": "no"}


def test_the_architecture_s_name_is_a_module_constant() -> None:
    facts = inspect(m="ARCHITECTURE_NAME = 'Tiny'\ndef f():\n    ARCHITECTURE_NAME = 'no'", n="x = 1")
    assert [module["architectureName"] for module in facts.values()] == ["Tiny", None]


def test_imports_of_the_bundle_s_own_modules_are_found_wherever_they_stand() -> None:
    facts = inspect(
        {
            "training.py": "import torch, helpers\nif x:\n  from layers import core\n  import layers.deep.attention",
            "helpers.py": "from layers.core import x",
            "layers/__init__.py": "",
            "layers/core.py": "from . import extra\nfrom .deep.attention import y\nimport sibling",
            "layers/extra.py": "from .. import helpers",
            "layers/sibling.py": "",
            "layers/deep/attention.py": "from ...helpers import z",
        }
    )
    assert {path: module["imports"] for path, module in facts.items()} == {
        "training.py": ["helpers.py", "layers/__init__.py", "layers/core.py", "layers/deep/attention.py"],
        "helpers.py": ["layers/__init__.py", "layers/core.py"],
        "layers/__init__.py": [],
        "layers/core.py": [
            "layers/__init__.py",
            "layers/deep/attention.py",
            "layers/extra.py",
            "layers/sibling.py",
        ],
        "layers/extra.py": ["helpers.py"],
        "layers/sibling.py": [],
        "layers/deep/attention.py": ["helpers.py"],
    }


def test_comments_docstrings_and_formatting_do_not_change_the_canonical_hash() -> None:
    facts = inspect(
        a="def f(x):\n    'doc'\n    return x+1\nclass C:\n    '''doc'''\n",
        b="'module'\ndef f( x ): # comment\n\n    return (x + 1)\nclass C: pass\n",
        c="def f(x):\n    return x+2\nclass C: pass\n",
    )
    a, b, c = (module["canonicalHash"] for module in facts.values())
    assert a == b != c


UNREADABLE = {
    "syntax": b"def f(:\n",
    "null byte": b"a = 1\nb = '\0'\n",
    "not UTF-8": b"a = '\xff'\n",
    "other encoding": b"# -*- coding: latin-1 -*-\na = 1\n",
    "unknown encoding": b"# coding: no-such\n",
    "mark against cookie": b"\xef\xbb\xbf# coding: latin-1\n",
    "deep parentheses": b"(" * 100_000,
    "deep lists": b"a = " + b"[" * 190 + b"]" * 190 + b"\n" + b"[" * 5000,
    "deep unary": b"-" * 200_000 + b"1",
    "deep lambda": b"lambda: " * 50_000 + b"0",
    "long chain": b"a" + b".b" * 300_000,
    "long sum": b"1" + b"+1" * 300_000,
    "long number": b"a = " + b"9" * 5_000,
    "deep indentation": b"".join(b" " * depth + b"if 1:\n" for depth in range(200)),
}


@pytest.mark.parametrize("source", UNREADABLE.values(), ids=UNREADABLE)
def test_a_source_that_cannot_be_read_is_an_error_of_its_module_alone(source: bytes) -> None:
    bad, good = inspect(bad=source, good="def f(): pass").values()
    assert bad["error"]["line"] >= 1
    assert bad["error"]["message"]
    assert bad["symbols"] == []
    assert len(bad["canonicalHash"]) == 64
    assert good["error"] is None


def test_the_line_of_an_error_is_given() -> None:
    facts = inspect(a=UNREADABLE["null byte"], b="x = 1\n\ny = (")
    assert [module["error"]["line"] for module in facts.values()] == [2, 3]


def test_a_byte_order_mark_and_a_utf8_cookie_are_fine() -> None:
    (facts,) = inspect(m=b"\xef\xbb\xbf# coding: utf-8\ndef f(): pass\n").values()
    assert [symbol["name"] for symbol in facts["symbols"]] == ["f"]


def test_what_an_answer_cannot_hold_is_an_error_of_the_modules_that_are_left(monkeypatch: pytest.MonkeyPatch) -> None:
    source = "".join(f"x.a{index}\n" for index in range(100))
    monkeypatch.setattr(inspector, "ANSWER_BYTES", len(json.dumps(inspect(m=source)["m.py"])) + 100)
    first, second = inspect(a=source, b=source).values()
    assert first["error"] is None
    assert "too large" in second["error"]["message"]


BUSY = b"busy"


def busy_or_read(path: str, source: bytes, paths: frozenset[str]) -> inspect_module.ModuleFacts:
    """As `inspect_source`, but for one source, which keeps it busy for ever."""
    while source == BUSY:
        pass
    return inspect_module.inspect_source(path, source, paths)


def test_a_source_that_takes_too_much_of_a_core_is_an_error_of_its_module(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parsing_child, "CPU_SECONDS", 0)  # and what is left of the second that the kernel counts in
    monkeypatch.setattr(parsing_child, "inspect_source", busy_or_read)
    first, *others = inspect(a=BUSY, b="x = 1", c="y = 2").values()
    assert "too slow" in first["error"]["message"]
    assert [module["error"] for module in others] == [None, None]


def test_a_bundle_whose_sources_take_too_much_together_is_not_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parsing_child, "SHARE_CPU_SECONDS", 1)
    monkeypatch.setattr(parsing_child, "CPU_SECONDS", 1)
    monkeypatch.setattr(parsing_child, "inspect_source", busy_or_read)
    modules = inspect(a=BUSY, b="x = 1", c="x = 1", d="x = 1").values()  # every second one is one child's
    assert [module["error"] is None for module in modules] == [False, True, False, True]


def test_a_parser_that_is_killed_from_outside_says_nothing_about_the_source(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parsing_child, "inspect_source", lambda *_: os.kill(os.getpid(), signal.SIGKILL))
    (answer,) = ask(request_for(b"x = 1"))
    assert answer["id"] == 7
    assert "killed from outside" in answer["error"]


def test_a_host_without_a_free_core_says_nothing_about_the_source(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inspector, "REQUEST_SECONDS", 0.2)
    monkeypatch.setattr(parsing_child, "inspect_source", lambda *_: os.kill(os.getpid(), signal.SIGSTOP))
    (answer,) = ask(request_for(b"x = 1"))
    assert "too little of a core" in answer["error"]


def test_a_request_after_one_that_the_host_let_down_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    children = [ParsingChild(0, 1)]
    monkeypatch.setattr(inspector, "CHILDREN", 1)
    monkeypatch.setattr(inspector, "REQUEST_SECONDS", 0.2)
    with monkeypatch.context() as stopped:
        stopped.setattr(parsing_child, "inspect_source", lambda *_: os.kill(os.getpid(), signal.SIGSTOP))
        assert b'"error"' in inspector.answer(request_for(b"x = 1"), children)
    monkeypatch.setattr(inspector, "REQUEST_SECONDS", 60)
    assert json.loads(inspector.answer(request_for(b"x = 1"), children))["modules"][0]["error"] is None
    children[0].close()


def test_nothing_is_executed() -> None:
    (facts,) = inspect(m="import os\nos._exit(1)\n").values()
    assert facts["error"] is None


def test_malformed_requests_are_answered_in_order() -> None:
    answers = ask(
        b"{", b'{"id": 1}', b'{"id": 2, "files": [{"path": "a.py", "source": "%"}]}', b'{"id": 3, "files": []}'
    )
    assert [(answer["id"], "error" in answer) for answer in answers] == [(None, True), (1, True), (2, True), (3, False)]


def without_prose(source: str | bytes) -> str:
    raw = source if isinstance(source, bytes) else source.encode()
    (facts,) = inspect(m=raw).values()
    code = bytearray(raw)
    for start, end in facts["prose"]:
        code[start:end] = re.sub(rb"[^\r\n]", b" ", code[start:end])
    return code.decode()


def test_prose_is_comments_and_strings_that_stand_for_themselves() -> None:
    source = '"""Doc\nüber alles"""\nx = "# no comment"  # é comment\ndef f():\n    \'doc\'; y = 1\n    "bare"\n#end'
    lines = [line.rstrip() for line in without_prose(source).splitlines()]
    assert lines == ["", "", 'x = "# no comment"', "def f():", "         ; y = 1", "", ""]


def test_prose_has_its_place_behind_a_mark_and_any_end_of_line() -> None:
    marked = b"\xef\xbb\xbf# a\r\nx = 1 # b\ry = 2 # c\nz = 3"
    assert without_prose(marked).split() == ["\ufeff", "x", "=", "1", "y", "=", "2", "z", "=", "3"]


def test_an_unreadable_source_has_no_prose() -> None:
    (facts,) = inspect(m="# a\nx = (").values()
    assert facts["prose"] == []
