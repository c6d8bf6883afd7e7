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
        self.origins = origins
        self.own = {name for scope in survey.scopes for name in scope.bindings}
        self.own |= {*survey.attribute_sources, *(scope.name.rpartition(".")[2] for scope in survey.scopes)}
        self.expressions = survey.scope_of

    def write(self, node: ast.AST, words: list[str], statements: set[str]) -> None:
        """Append the words of a node, and add the hashes of the statements in it."""
        if isinstance(node, SKIPPED):
            return
        start = len(words)
        if isinstance(node, (ast.Name, ast.Attribute)) and self._known(node, words):
            return
        words.append(type(node).__name__)
        for name, value in ast.iter_fields(node):
            if name not in IGNORED and not (isinstance(node, ast.ClassDef) and name == "body"):
                self._field(value, words, statements)
        if isinstance(node, ast.stmt) and len(words) - start >= LEAST_NODES:
            statements.add(_hash("tree", words[start:]))

    def _field(self, value: object, words: list[str], statements: set[str]) -> None:
        if isinstance(value, ast.AST):
            self.write(value, words, statements)
        elif isinstance(value, list):
            for each in value:
                self._field(each, words, statements)
        elif isinstance(value, str):
            words.append("=own" if value in self.own else f"={value}" if value.isidentifier() else "=text")
        elif value is not None:
            words.append("=bytes" if isinstance(value, bytes) else f"={value!r}")

    def _known(self, node: ast.Name | ast.Attribute, words: list[str]) -> bool:
        """A name that leads out of the module stands as where it leads."""
        if node not in self.expressions:
            return False
        known = sorted(each for each in self.origins.of(node) if isinstance(each, str) and each != UNKNOWN)
        if len(known) != 1:
            return False
        words.append("=own" if is_own(known[0]) else f"={known[0]}")
        return True


def _hash(kind: str, words: list[str]) -> str:
    return hashlib.blake2b("\0".join([kind, *words]).encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
