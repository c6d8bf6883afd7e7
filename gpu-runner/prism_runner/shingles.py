"""What a module's code looks like once its own names, texts and order are taken away: 64-bit hashes to compare by.

Two kinds, in one set: of each statement's tree, and of each run of RUN nodes in the walk over a statement of the module
or of a class. Names that the module binds all become one; what it imports stands as where it leads, so that
`F.relu`, `torch.relu` after other imports and their like stay apart from each other and together with themselves.
So renaming, reformatting, comments, docstrings, annotations and the order of definitions move nothing, and added code
only adds.
"""

import ast
import hashlib
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, TypedDict

from prism_runner.module_imports import is_own
from prism_runner.origins import UNKNOWN, Origin, Origins
from prism_runner.survey import Survey

RUN = 9  # words
WORD_BYTES = 8  # of a word's hash
RUN_BYTES = RUN * WORD_BYTES
LEAST_NODES = 6  # of a statement that is hashed as a whole
LONGEST_RECURRING = 64  # characters of a word that is remembered for the next module
MOST_SHINGLES = 20_000  # the smallest hashes: sets cut like that still show how alike they were (Broder 1997)

IGNORED = {"ctx", "type_comment", "kind", "annotation", "returns"}  # fields of nodes
SKIPPED = {ast.Import, ast.ImportFrom, ast.Pass, ast.Global, ast.Nonlocal, type(None)}


class DefinitionFacts(TypedDict):
    """What a function or class of the module's own level puts into the shingles."""

    name: str  # empty for all other statements together
    shingles: str  # in hexadecimal, 16 digits each, one behind the other; of two definitions some may be the same


def shingles(tree: ast.Module, survey: Survey, origins: Origins) -> list[DefinitionFacts]:
    """Of the module's other statements first, then of its definitions as they come. `tree` is without docstrings."""
    writer = _Writer(survey, origins)
    rest: dict[bytes, None] = {}  # in the order in which they turn up
    found = [("", rest)]
    for statement in tree.body:
        hashes = rest
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            hashes = {}
            found.append((statement.name, hashes))
        for unit in _units([statement]):
            words: list[bytes] = []
            writer.write(unit, words, hashes)
            written = b"".join(words)
            for at in range(0, len(written) - RUN_BYTES + 1, WORD_BYTES):
                hashed = EMPTY.copy()
                hashed.update(written[at : at + RUN_BYTES])
                hashes[hashed.digest()] = None
    if sum(len(hashes) for _, hashes in found) > MOST_SHINGLES:
        found = _smallest(found)
    return [{"name": name, "shingles": b"".join(hashes).hex()} for name, hashes in found]


def _smallest(found: list[tuple[str, dict[bytes, None]]]) -> list[tuple[str, dict[bytes, None]]]:
    """Of what definitions have, what is among the module's MOST_SHINGLES smallest."""
    kept = {*sorted({each for _, hashes in found for each in hashes})[:MOST_SHINGLES]}
    return [(name, {each: None for each in hashes if each in kept}) for name, hashes in found]


def _units(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements of the module, and of its classes in place of the classes: their order is of no account."""
    for statement in body:
        if isinstance(statement, ast.ClassDef):
            yield from _units(statement.body)
        yield statement


def _hash(written: bytes, after: hashlib.blake2b | None = None) -> bytes:
    hashed = (after or EMPTY).copy()  # cheaper than a new one
    hashed.update(written)
    return hashed.digest()


EMPTY = hashlib.blake2b(digest_size=WORD_BYTES)
TREE = hashlib.blake2b(b"tree", digest_size=WORD_BYTES)


def _coded(word: str) -> bytes:
    return _recurring(word) if len(word) <= LONGEST_RECURRING else _named(word)


def _named(word: str) -> bytes:
    return _hash(f"={word}".encode("utf-8", "surrogatepass"))


_recurring = lru_cache(maxsize=4096)(_named)  # names of libraries are in every module

OWN, TEXT, BYTES = _hash(b"=own"), _hash(b"=text"), _hash(b"=bytes")


def _kinds() -> Iterator[tuple[type, tuple[bytes, tuple[str, ...], bool]]]:
    for kind in vars(ast).values():
        if isinstance(kind, type) and issubclass(kind, ast.AST) and kind not in SKIPPED:
            skipped = {*IGNORED, "body"} if kind is ast.ClassDef else IGNORED
            fields = tuple(each for each in kind._fields if each not in skipped)
            yield kind, (_hash(kind.__name__.encode()), fields, issubclass(kind, ast.stmt))


# The word of each class of nodes, the fields that count, and whether it is a statement's; a class's body is written by
# itself. What is skipped has no word.
KINDS: dict[type, tuple[bytes, tuple[str, ...], bool]] = {
    **dict(_kinds()),
    **dict.fromkeys(SKIPPED, (b"", (), False)),
}


class _Writer:
    """Writes a tree as words: a node's class, then what counts of it, then what is below it. A word is written as its
    own hash: all words are of one length then, and hashing a run is hashing a slice."""

    def __init__(self, survey: Survey, origins: Origins) -> None:
        self.origin_of = origins.of
        self.leading: dict[frozenset[Origin], bytes | None] = {}
        self.foreign: set[ast.keyword] = set()  # arguments of what leads out of the module
        self.bound = {name for scope in survey.scopes for name in scope.bindings}
        self.attributes = survey.attribute_sources.keys()
        arguments = [scope.function.args for scope in survey.scopes if scope.function is not None]
        self.parameters = {each.arg for of in arguments for each in [*of.posonlyargs, *of.args, *of.kwonlyargs]}

    def write(self, node: Any, words: list[bytes], statements: dict[bytes, None]) -> None:
        """Append the words of a node, and add the hashes of the statements in it."""
        kind = node.__class__
        if kind is ast.Name or kind is ast.Attribute:
            leading = self._leading(node)
            if leading is not None:  # out of the module: it stands as where it leads
                words.append(leading)
                return
        elif kind is ast.Call and node.keywords:
            self._mark_foreign(node)
        start = len(words)
        code, fields, is_statement = KINDS[kind]
        words.append(code)
        for name in fields:
            value = getattr(node, name)
            for each in value if value.__class__ is list else (value,):
                below = KINDS.get(each.__class__)
                if below is None:
                    words.append(self._word(kind, each, node))
                elif below[1]:
                    self.write(each, words, statements)
                elif below[0]:
                    words.append(below[0])
        if is_statement and len(words) - start >= LEAST_NODES:
            statements[_hash(b"".join(words[start:]), TREE)] = None

    def _word(self, kind: type, value: object, node: ast.AST) -> bytes:
        if value.__class__ is not str:
            return BYTES if isinstance(value, bytes) else _coded(repr(value))
        if kind is ast.Constant:
            return TEXT
        if kind is ast.Name:
            own = value in self.bound
        elif kind is ast.Attribute:
            own = value in self.attributes
        elif kind is ast.keyword:  # of functions, and of dataclasses
            own = node not in self.foreign and (value in self.parameters or value in self.attributes)
        else:
            own = True
        return OWN if own else _coded(str(value))

    def _mark_foreign(self, node: ast.Call) -> None:
        leading = self._leading(node.func)
        if leading is not None and leading is not OWN:
            self.foreign.update(node.keywords)

    def _leading(self, node: ast.expr) -> bytes | None:
        """The word of the one place elsewhere that an expression leads to."""
        found = self.origin_of(node)
        if found not in self.leading:
            known = [each for each in found if isinstance(each, str) and each != UNKNOWN]
            own = any(map(is_own, known))
            word = (OWN if own else _coded(known[0])) if len(known) == 1 else None
            self.leading[found] = word
        return self.leading[found]
