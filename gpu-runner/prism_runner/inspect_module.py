"""What can be read off one module's source without running it: symbols, imports, uses, calls, canonical form, literals.

Only UTF-8 is read, with or without a byte order mark; a coding cookie that names anything else is an error, because
what people and gates read must be what Python runs.
"""

import ast
import hashlib
import io
import json
import tokenize
from typing import Literal, TypedDict

from prism_runner.canonical_source import canonical_source
from prism_runner.folding import Folding
from prism_runner.literals import LiteralFacts, large_literals
from prism_runner.module_imports import imported_paths
from prism_runner.origins import Origins, TooTangled
from prism_runner.prose_spans import Span, is_text, prose_spans
from prism_runner.shingles import DefinitionFacts, shingles
from prism_runner.survey import Survey
from prism_runner.trees import nodes_in
from prism_runner.uses import Call, FunctionFacts, Reading, TooMany, Use

encode = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode

Callable3 = Literal["yes", "no", "unknown"]

COLLECTION = (ast.List, ast.Dict, ast.Set, ast.Tuple, ast.ListComp, ast.DictComp, ast.SetComp, ast.GeneratorExp)
NEVER_CALLABLE = (ast.Constant, ast.JoinedStr, *COLLECTION)
BLOCKS = (ast.If, ast.Try, ast.TryStar, ast.With, ast.AsyncWith, ast.For, ast.AsyncFor, ast.While, ast.Match)


class ModuleError(TypedDict):
    """Why a module can't be read; line and column count from 1, and are 1 where the place isn't known."""

    line: int
    column: int
    message: str


class Symbol(TypedDict):
    """A name that the module binds at its top level, as it stands at the end."""

    name: str  # `*` stands for whatever a star import brings
    callable: Callable3  # `yes`: a def (async too), a class, a lambda
    line: int  # of the binding


class ModuleFacts(TypedDict):
    """One module's entry in the answer."""

    path: str
    error: ModuleError | None
    symbols: list[Symbol]
    architectureName: str | None
    imports: list[str]  # bundle paths imported directly, sorted
    canonicalHash: str  # of the canonical source; of the source's bytes where there is an error
    canonicalSource: str  # without comments, docstrings and formatting; empty where there is an error
    uses: list[Use]
    calls: list[Call]
    exports: dict[str, list[str]]  # names of the module that lead elsewhere, and where
    attributes: list[str]  # that it gives to objects; `*` where it may give any
    functions: list[FunctionFacts]
    literals: list[LiteralFacts]
    definitions: list[DefinitionFacts]  # the module's other statements first
    prose: list[Span]  # comments and strings that stand for themselves


def to_json(facts: ModuleFacts) -> bytes:
    """A module's entry as the answer has it."""
    return encode(facts).encode()


class UnreadableSource(Exception):
    """The source isn't UTF-8 text that Python would read the same way."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


def unparsed(path: str, source: bytes, message: str, line: int = 1, column: int = 1) -> ModuleFacts:
    """The facts of a module that can't be read."""
    return {
        "path": path,
        "error": {"line": line, "column": column, "message": message},
        "symbols": [],
        "architectureName": None,
        "imports": [],
        "canonicalHash": hashlib.sha256(source).hexdigest(),
        "canonicalSource": "",
        "uses": [],
        "calls": [],
        "exports": {},
        "attributes": [],
        "functions": [],
        "literals": [],
        "definitions": [],
        "prose": [],
    }


def inspect_source(path: str, source: bytes, paths: frozenset[str]) -> ModuleFacts:
    """Facts of the module at `path`; `paths` are the bundle's modules. A source that can't be read is an error."""
    try:
        return facts_of(path, source, paths)
    except UnreadableSource as error:
        return unparsed(path, source, str(error), error.line)
    except SyntaxError as error:
        return unparsed(path, source, error.msg, max(error.lineno or 1, 1), max(error.offset or 1, 1))
    except (RecursionError, MemoryError):
        return unparsed(path, source, "the source is nested too deeply")
    except ValueError as error:  # such as an integer literal with too many digits
        return unparsed(path, source, str(error))
    except TooTangled:
        return unparsed(path, source, "its names lead to each other in too many ways")
    except TooMany:
        return unparsed(path, source, "it reaches too many names")


def facts_of(path: str, source: bytes, paths: frozenset[str]) -> ModuleFacts:
    """Facts of a module that can be parsed. Raises what `inspect_source` catches."""
    text = decoded(source)
    tree = ast.parse(text, filename=path)
    survey = Survey(tree, path, paths)
    folding = Folding(survey)
    origins = Origins(survey, folding)
    reading = Reading(text, survey, folding, origins)
    remove_docstrings(tree, survey)
    canonical = canonical_source(tree)
    definitions = shingles(tree, survey, origins)
    return {
        "path": path,
        "error": None,
        "symbols": list(top_level_symbols(tree.body).values()),
        "architectureName": architecture_name(tree),
        "imports": imported_paths([node for node, _ in survey.imports], path, paths),
        "canonicalHash": hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest(),
        "canonicalSource": canonical.encode("utf-8", "replace").decode(),
        "uses": reading.uses(),
        "calls": reading.calls(),
        "exports": origins.exports(),
        "attributes": reading.ingredients.attributes(),
        "functions": reading.functions(),
        "literals": large_literals(survey),
        "definitions": definitions,
        "prose": prose_spans(survey.bare, source),
    }


def decoded(source: bytes) -> str:
    """The text of a UTF-8 source. Raises UnreadableSource."""
    if b"\0" in source:
        raise UnreadableSource(source[: source.index(b"\0")].count(b"\n") + 1, "a null byte")
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(source).readline)
    except SyntaxError as error:
        raise UnreadableSource(1, str(error)) from error
    if encoding not in ("utf-8", "utf-8-sig"):
        raise UnreadableSource(1, f"the source declares {encoding}; only utf-8 is read")
    try:
        return source.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = source[: error.start].count(b"\n") + 1
        raise UnreadableSource(line, "the source isn't UTF-8") from error


def top_level_symbols(body: list[ast.stmt]) -> dict[str, Symbol]:
    """Names that the statements bind, the last binding winning. What depends on a condition is `unknown`."""
    symbols: dict[str, Symbol] = {}
    for statement in body:
        for name, kind in bindings(statement, symbols):
            symbols[name] = {"name": name, "callable": kind, "line": statement.lineno}
        if isinstance(statement, ast.Delete):
            for target in statement.targets:
                symbols.pop(target.id if isinstance(target, ast.Name) else "", None)
    return symbols


def bindings(statement: ast.stmt, symbols: dict[str, Symbol]) -> list[tuple[str, Callable3]]:
    """The names that one top-level statement binds, and whether they can be called."""
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return [(statement.name, "unknown" if statement.decorator_list else "yes")]
    if isinstance(statement, (ast.Import, ast.ImportFrom)):
        whole = isinstance(statement, ast.ImportFrom)
        return [(a.asname or (a.name if whole else a.name.split(".")[0]), "unknown") for a in statement.names]
    if isinstance(statement, ast.Assign):
        return [
            (name, value_kind(statement.value, symbols) if isinstance(target, ast.Name) else "unknown")
            for target in statement.targets
            for name in stored_names(target)
        ]
    if isinstance(statement, ast.AnnAssign) and statement.value is not None:
        return [(name, value_kind(statement.value, symbols)) for name in stored_names(statement.target)]
    if isinstance(statement, BLOCKS):
        return [(name, "unknown") for name in names_in_block(statement)]
    return [(name, "unknown") for name in stored_names(statement)]


def names_in_block(block: ast.stmt) -> list[str]:
    """Every name that may be bound in a block, nested blocks included, bodies of functions and classes excluded."""
    names: list[str] = []
    pending: list[ast.AST] = [block]
    while pending:
        node = pending.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.append(node.name)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            names += [name for name, _ in bindings(node, {})]
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.append(node.id)
        elif not isinstance(node, ast.Lambda):
            pending += ast.iter_child_nodes(node)
    return list(dict.fromkeys(names))


def stored_names(node: ast.AST) -> list[str]:
    """Names that an assignment target or an expression stores to."""
    if isinstance(node, ast.Name):
        return [node.id] if isinstance(node.ctx, ast.Store) else []
    return [each.id for each in nodes_in(node) if type(each) is ast.Name and isinstance(each.ctx, ast.Store)]


def value_kind(value: ast.expr, symbols: dict[str, Symbol]) -> Callable3:
    """Whether an assigned value can be called."""
    if isinstance(value, ast.Lambda):
        return "yes"
    if isinstance(value, NEVER_CALLABLE):
        return "no"
    if isinstance(value, ast.Name) and value.id in symbols:
        return symbols[value.id]["callable"]
    return "unknown"


def architecture_name(tree: ast.Module) -> str | None:
    """The string that ARCHITECTURE_NAME is last assigned at the top level."""
    found: str | None = None
    for statement in tree.body:
        targets = statement.targets if isinstance(statement, ast.Assign) else []
        if isinstance(statement, ast.AnnAssign):
            targets = [statement.target]
        if any(isinstance(target, ast.Name) and target.id == "ARCHITECTURE_NAME" for target in targets):
            value = statement.value if isinstance(statement, (ast.Assign, ast.AnnAssign)) else None
            found = value.value if isinstance(value, ast.Constant) and isinstance(value.value, str) else None
    return found


def remove_docstrings(tree: ast.Module, survey: Survey) -> None:
    """Changes the tree: what is left is the canonical form, for the parser has left out comments and formatting."""
    if has_docstring(tree.body):
        tree.body = tree.body[1:]
    for definition in survey.defined_as:
        if not isinstance(definition, ast.Lambda) and has_docstring(definition.body):
            definition.body = definition.body[1:] or [ast.Pass()]


def has_docstring(body: list[ast.stmt]) -> bool:
    """Whether a body begins with a string that stands for itself."""
    first = body[0] if body else None
    return isinstance(first, ast.Expr) and is_text(first.value)
