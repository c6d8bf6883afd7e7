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

RUN = 9  # nodes
LEAST_NODES = 6  # of a statement that is hashed as a whole
MOST_SHINGLES = 20_000  # the smallest hashes: sets cut like that still show how alike they were (Broder 1997)

IGNORED = {"ctx", "type_comment", "kind", "annotation", "returns"}  # fields of nodes
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
SKIPPED = (ast.Import, ast.ImportFrom, ast.Pass, ast.Global, ast.Nonlocal)


class DefinitionFacts(TypedDict):
    """What a function or class of the module's own level puts into the shingles."""

    name: str  # empty for all other statements together
    shingles: list[int]  # places in the module's list


def shingles(tree: ast.Module, survey: Survey, origins: Origins) -> tuple[list[str], list[DefinitionFacts]]:
    """Hashes in hexadecimal, 16 digits each, sorted; and which definition has which. `tree` is without docstrings."""
    writer = _Writer(survey, origins)
    found: list[tuple[str, set[str]]] = [("", set())]
    for statement in tree.body:
        defines = isinstance(statement, DEFINITIONS)
        if defines:
            found.append((statement.name, set()))
        hashes = found[-1 if defines else 0][1]
        for unit in _units([statement]):
            words: list[str] = []
            writer.write(unit, words, hashes)
            hashes.update(_hash("run", words[at : at + RUN]) for at in range(len(words) - RUN + 1))
    listed = sorted(set[str]().union(*(hashes for _, hashes in found)))[:MOST_SHINGLES]
    place = {each: at for at, each in enumerate(listed)}
    return listed, [
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
        self.foreign: set[ast.keyword] = set()  # arguments of what leads out of the module
        self.bound = {name for scope in survey.scopes for name in scope.bindings}
        self.attributes = {*survey.attribute_sources}
        arguments = [scope.function.args for scope in survey.scopes if scope.function is not None]
        self.parameters = {each.arg for of in arguments for each in [*of.posonlyargs, *of.args, *of.kwonlyargs]}

    def write(self, node: ast.AST, words: list[str], statements: set[str]) -> None:
        """Append the words of a node, and add the hashes of the statements in it."""
        if isinstance(node, SKIPPED):
            return
        start = len(words)
        if isinstance(node, ast.Call) and self._leads_out(node.func):
            self.foreign.update(node.keywords)
        if isinstance(node, (ast.Name, ast.Attribute)) and self._known(node, words):
            return
        words.append(type(node).__name__)
        for name, value in ast.iter_fields(node):
            if name not in IGNORED and not (isinstance(node, ast.ClassDef) and name == "body"):
                self._field(node, value, words, statements)
        if isinstance(node, ast.stmt) and len(words) - start >= LEAST_NODES:
            statements.add(_hash("tree", words[start:]))

    def _field(self, node: ast.AST, value: object, words: list[str], statements: set[str]) -> None:
        if isinstance(value, ast.AST):
            self.write(value, words, statements)
        elif isinstance(value, list):
            for each in value:
                self._field(node, each, words, statements)
        elif isinstance(value, str):
            words.append(self._word(node, value))
        elif value is not None:
            words.append("=bytes" if isinstance(value, bytes) else f"={value!r}")

    def _word(self, node: ast.AST, value: str) -> str:
        match node:
            case ast.Constant():
                return "=text"
            case ast.Attribute():
                own = value in self.attributes
            case ast.keyword() if node in self.foreign:
                own = False
            case ast.keyword():
                own = value in self.parameters or value in self.attributes  # of functions, and of dataclasses
            case ast.Name():
                own = value in self.bound
            case _:
                own = True
        return "=own" if own else f"={value}"

    def _known(self, node: ast.Name | ast.Attribute, words: list[str]) -> bool:
        """A name that leads out of the module stands as where it leads."""
        known = self._origin(node)
        if known is not None:
            words.append("=own" if is_own(known) else f"={known}")
        return known is not None

    def _leads_out(self, node: ast.expr) -> bool:
        known = self._origin(node)
        return known is not None and not is_own(known)

    def _origin(self, node: ast.expr) -> str | None:
        """The one place elsewhere that an expression leads to."""
        if node not in self.expressions:
            return None
        known = sorted(each for each in self.origins.of(node) if isinstance(each, str) and each != UNKNOWN)
        return known[0] if len(known) == 1 else None


def _hash(kind: str, words: list[str]) -> str:
    return hashlib.blake2b("\0".join([kind, *words]).encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
