"""What counts as prose, and taking it out of modules and of shared objects. See world.py.

A sentence is eight words or more in a row, with at least three of those that hold English together. Everything that is
measured or taken out is found by that.
"""

import ast
import importlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

SENTENCE = r"(?<![A-Za-z])(?:[A-Za-z][a-z'-]{0,20}[,.;:)]?[ \n]{1,12}){8,}"
FUNCTION_WORD = r"\b(?:the|of|to|and|is|in|that|for|be|with|are|this|as|if|not|it|by|on|or|an)\b"
SENTENCE_TEXT, FUNCTION_WORD_TEXT = re.compile(SENTENCE), re.compile(FUNCTION_WORD)
SENTENCE_BYTES, FUNCTION_WORD_BYTES = re.compile(SENTENCE.encode()), re.compile(FUNCTION_WORD.encode())

MESSAGE = re.compile(r"(?i)(error|exception|warn|warning|warning_once|info|debug|log|critical|exit|fail|check\w*)$")
BLANK = " " * 24  # what is documented instead; torch keeps a pointer into it, which only long strings survive

TEXT_SIGNATURE = b"\n--\n\n"  # before it, a built-in function's docstring says its parameters
STRING = re.compile(rb"[\t\n\r\x20-\x7e\x80-\xff]{8,}")
SPACE = re.compile(rb"\s")
NO_SPACE = re.compile(rb"\S")
LONG = 160  # bytes of a string in a shared object; shorter ones may be messages
MOSTLY = 0.25  # share of sentences from which on a long string is documentation


class Blanked(ast.NodeTransformer):
    """A module's tree in which strings that hold sentences are empty, but for what is raised, warned of or logged."""

    def visit_Raise(self, node: ast.Raise) -> ast.AST:
        return node

    def visit_Assert(self, node: ast.Assert) -> ast.AST:
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if MESSAGE.search(name):
            return node
        if "doc" in name.lower():  # add_docstr, add_newdoc and their kind
            node.args = [ast.copy_location(ast.Constant(BLANK), each) if is_text(each) else each for each in node.args]
        return self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        template = node.left
        if isinstance(node.op, ast.Mod) and isinstance(template, ast.Constant) and holds_sentences(template.value):
            return ast.copy_location(ast.Constant(""), node)
        return self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        return ast.copy_location(ast.Constant(""), node) if holds_sentences(node.value) else node


def is_text(node: ast.AST) -> bool:
    """A literal of more than one word, or something made of one."""
    match node:
        case ast.Constant(value=str(text)):
            return len(text.split()) > 1
        case ast.BinOp(left=left, right=right):
            return is_text(left) or is_text(right)
        case ast.Call(func=ast.Attribute(value=template)):
            return is_text(template)
        case _:
            return isinstance(node, ast.JoinedStr)


def holds_sentences(value: object) -> bool:
    """A string with at least one sentence."""
    return isinstance(value, str) and any(
        len(FUNCTION_WORD_TEXT.findall(found.group())) >= 3 for found in SENTENCE_TEXT.finditer(value)
    )


def blanked(raw: bytes, documented: set[bytes]) -> bytes:
    """A shared object with spaces where documentation stands: nothing moves."""
    written = bytearray(raw)
    for begin, end in documentation(raw, documented):
        written[begin:end] = NO_SPACE.sub(b" ", raw[begin:end])
    return bytes(written)


def documentation(raw: bytes, documented: set[bytes]) -> Iterator[tuple[int, int]]:
    """Where documentation stands: strings that Python shows as docstrings, and sentences of long strings.

    The last word of a string is left: linkers let a string be the end of a longer one. The first word of a sentence is
    left: what precedes it may be the string's length, in a form of Python's own.
    """
    for found in STRING.finditer(raw):
        string = found.group()
        marker = string.find(TEXT_SIGNATURE)
        text = string[marker + len(TEXT_SIGNATURE) :] if marker >= 0 else string
        if text.strip() in documented:
            yield found.end() - len(text), found.start() + len(string.rstrip()) - len(string.split()[-1])
        elif len(string) >= LONG:
            sentences = list(sentences_in(string))
            if sum(end - begin for begin, end in sentences) >= MOSTLY * len(text):
                for begin, end in sentences:
                    first = SPACE.search(string, begin)
                    yield found.start() + (first.start() if first else end), found.start() + end


def sentences_in(raw: bytes) -> Iterator[tuple[int, int]]:
    """Begin and end of every sentence."""
    for found in SENTENCE_BYTES.finditer(raw):
        if len(FUNCTION_WORD_BYTES.findall(found.group())) >= 3:
            yield found.span()


def docstrings_of_compiled(roots: list[Path]) -> set[bytes]:
    """The docstrings of everything that isn't written in Python: of built-in modules and of those below the roots.

    Modules are imported from the roots, which must be on the path. What isn't a module after all is skipped.
    """
    names = list(sys.builtin_module_names)
    for root in roots:
        for path in root.rglob("*.so"):
            names.append(".".join((*path.relative_to(root).parent.parts, path.name.split(".")[0])))
    for name in names:
        try:
            importlib.import_module(name)
        except Exception as error:
            print(f"not a module: {name}: {error}", file=sys.stderr)
    return docstrings_in_memory()


def docstrings_in_memory() -> set[bytes]:
    """Of every type, and of what modules and types hold."""
    found: set[bytes] = set()
    for module in list(sys.modules.values()):
        if isinstance(module, ModuleType):
            for value in list(vars(module).values()):
                found |= docstrings_of(value)
    for kind in all_types(object):
        for value in [kind, *vars(kind).values()]:
            found |= docstrings_of(value)
    return found


def all_types(kind: type) -> Iterator[type]:
    """The type and everything derived from it."""
    yield kind
    derived: list[type] = type.__subclasses__(kind)
    for each in derived:
        yield from all_types(each)


def docstrings_of(value: object) -> set[bytes]:
    """The whole one, and what stands below the line of parameters that pybind11 adds."""
    try:
        text = value.__doc__
    except Exception:  # some values refuse every attribute
        return set()
    if not isinstance(text, str) or len(text) < 8:
        return set()
    whole = text.encode("utf-8", "replace").strip()
    return {whole, whole.partition(b"\n\n")[2].strip()} - {b""}
