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
from typing import TypedDict

from prism_runner.module_imports import is_own
from prism_runner.origins import UNKNOWN, Origins
from prism_runner.survey import Survey

RUN = 9  # words
WORD_BYTES = 8  # of a word's hash
RUN_BYTES = RUN * WORD_BYTES
LEAST_NODES = 6  # of a statement that is hashed as a whole
MOST_SHINGLES = 20_000  # the smallest hashes: sets cut like that still show how alike they were (Broder 1997)

IGNORED = {"ctx", "type_comment", "kind", "annotation", "returns"}  # fields of nodes
SKIPPED = (ast.Import, ast.ImportFrom, ast.Pass, ast.Global, ast.Nonlocal)


class DefinitionFacts(TypedDict):
    """What a function or class of the module's own level puts into the shingles."""

    name: str  # empty for all other statements together
    shingles: list[int]  # places in the module's list


def shingles(tree: ast.Module, survey: Survey, origins: Origins) -> tuple[list[str], list[DefinitionFacts]]:
    """Hashes in hexadecimal, 16 digits each, sorted; and which definition has which. `tree` is without docstrings."""
    writer = _Writer(survey, origins)
    found: list[tuple[str, set[bytes]]] = [("", set())]
    for statement in tree.body:
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            found.append((statement.name, set()))
            hashes = found[-1][1]
        else:
            hashes = found[0][1]
        for unit in _units([statement]):
            words: list[bytes] = []
            writer.write(unit, words, hashes)
            written = b"".join(words)
            starts = range(0, len(written) - RUN_BYTES + 1, WORD_BYTES)
            hashes.update(_hash(written[at : at + RUN_BYTES]) for at in starts)
    listed = sorted(set[bytes]().union(*(hashes for _, hashes in found)))[:MOST_SHINGLES]
    place = {each: at for at, each in enumerate(listed)}
    return [each.hex() for each in listed], [
        {"name": name, "shingles": sorted(place[each] for each in hashes if each in place)} for name, hashes in found
    ]


def _units(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements of the module, and of its classes in place of the classes: their order is of no account."""
    for statement in body:
        if isinstance(statement, ast.ClassDef):
            yield from _units(statement.body)
        yield statement


class _Writer:
    """Writes a tree as words: a node's class, then what counts of it, then what is below it."""

    def __init__(self, survey: Survey, origins: Origins) -> None:
        self.origins, self.expressions = origins, survey.scope_of
        self.codes: dict[str, bytes] = {}
        self.kinds: dict[type[ast.AST], tuple[bytes, list[str]]] = {}
        self.foreign: set[ast.keyword] = set()  # arguments of what leads out of the module
        self.bound = {name for scope in survey.scopes for name in scope.bindings}
        self.attributes = {*survey.attribute_sources}
        arguments = [scope.function.args for scope in survey.scopes if scope.function is not None]
        self.parameters = {each.arg for of in arguments for each in [*of.posonlyargs, *of.args, *of.kwonlyargs]}

    def write(self, node: ast.AST, words: list[bytes], statements: set[bytes]) -> None:
        """Append the words of a node, and add the hashes of the statements in it."""
        kind, start = type(node), len(words)
        if kind in SKIPPED or (isinstance(node, (ast.Name, ast.Attribute)) and self._known(node, words)):
            return
        if isinstance(node, ast.Call) and self._leads_out(node.func):
            self.foreign.update(node.keywords)
        name_code, fields = self._of_kind(kind)
        words.append(name_code)
        for name in fields:
            value = getattr(node, name, None)
            for each in value if isinstance(value, list) else (value,):
                if isinstance(each, ast.AST):
                    self.write(each, words, statements)
                elif each is not None:
                    words.append(self._coded(self._word(node, each)))
        if isinstance(node, ast.stmt) and len(words) - start >= LEAST_NODES:
            statements.add(_hash(b"".join([b"tree", *words[start:]])))

    def _of_kind(self, kind: type[ast.AST]) -> tuple[bytes, list[str]]:
        """The word of a class of nodes, and the fields that count; a class's body is written by itself."""
        if kind not in self.kinds:
            skipped = {*IGNORED, "body"} if kind is ast.ClassDef else IGNORED
            self.kinds[kind] = self._coded(kind.__name__), [each for each in kind._fields if each not in skipped]
        return self.kinds[kind]

    def _coded(self, word: str) -> bytes:
        """A word's own hash: all words are of one length then, and hashing a run is hashing a slice."""
        coded = self.codes.get(word)
        if coded is None:
            coded = self.codes[word] = _hash(word.encode("utf-8", "surrogatepass"))
        return coded

    def _word(self, node: ast.AST, value: object) -> str:
        if not isinstance(value, str):
            return "=bytes" if isinstance(value, bytes) else f"={value!r}"
        if isinstance(node, ast.Constant):
            return "=text"
        if isinstance(node, ast.Attribute):
            own = value in self.attributes
        elif isinstance(node, ast.keyword):  # of functions, and of dataclasses
            own = node not in self.foreign and (value in self.parameters or value in self.attributes)
        else:
            own = not isinstance(node, ast.Name) or value in self.bound
        return "=own" if own else f"={value}"

    def _known(self, node: ast.Name | ast.Attribute, words: list[bytes]) -> bool:
        """A name that leads out of the module stands as where it leads."""
        known = self._origin(node)
        if known is not None:
            words.append(self._coded("=own" if is_own(known) else f"={known}"))
        return known is not None

    def _leads_out(self, node: ast.expr) -> bool:
        known = self._origin(node)
        return known is not None and not is_own(known)

    def _origin(self, node: ast.expr) -> str | None:
        """The one place elsewhere that an expression leads to."""
        if node not in self.expressions:
            return None
        known = [each for each in self.origins.of(node) if isinstance(each, str) and each != UNKNOWN]
        return known[0] if len(known) == 1 else None


def _hash(written: bytes) -> bytes:
    return hashlib.blake2b(written, digest_size=WORD_BYTES).digest()
