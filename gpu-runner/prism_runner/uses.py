"""What a module reaches, as facts for the gates: every name with where it leads, every call with its arguments.

A name that the module reaches in many places is listed with the first few of them; nothing is left out otherwise.
"""

import ast
import hashlib
import string
from collections import defaultdict
from operator import itemgetter
from typing import TypedDict

from prism_runner.folding import Folding
from prism_runner.ingredients import Ingredients
from prism_runner.origins import ATTRIBUTE_CALLS, UNKNOWN, Origins
from prism_runner.survey import Survey

PLACES = 5  # of one name
MOST_USES = 20_000  # different names, or calls, of a module
MOST_GUARDS = 100  # of a call of a function of the module
EXCERPT_BYTES = 4096

Located = ast.stmt | ast.expr | ast.pattern


class Site(TypedDict):
    """Where something stands. Lines and columns count from 1, columns in characters."""

    node: str  # class of the tree's node
    line: int
    column: int
    excerptHash: str  # SHA-256 of the node's source text, of its first 4,096 bytes where it is longer


class Use(Site):
    """A name that the module reaches."""

    name: str  # `torch.hub.load`, `blocks.py::Mix`; `?.tofile` where nobody knows the object; `"eval"` for a built text
    called: bool


class Argument(TypedDict):
    """What an argument of a call is made of."""

    text: str | None  # the text that it surely is
    mentions: list[str]  # names and attributes that it is surely made of: `artifacts_dir`; marks (ingredients.py)


class Given(TypedDict):
    """What a call is given."""

    arguments: list[Argument]
    keywords: dict[str, Argument]
    guards: list[str]  # what the conditions around it mention


class Caller(TypedDict):
    """Where a function of the module is called."""

    name: str  # the function that calls it
    guards: list[str]  # what the conditions around the call mention, at most 100 names


class Call(Site, Given):
    """A call of something known."""

    name: str


class FunctionFacts(TypedDict):
    """A function of the module and what it calls."""

    name: str  # qualified; empty for the module's own statements
    line: int
    lastLine: int
    calls: list[str]  # where they lead, or the qualified name of a function of the module
    callers: list[Caller]  # different ones


class TooMany(Exception):
    """More names than an answer holds."""


class Reading:
    """Reads the facts off one module."""

    def __init__(self, source: str, survey: Survey, folding: Folding, origins: Origins) -> None:
        self.survey, self.folding, self.origins = survey, folding, origins
        self.is_ascii = source.isascii()
        unified = source.replace("\r\n", "\n").replace("\r", "\n")  # the three ends of line that Python knows
        self.lines = unified.encode("utf-8", "surrogatepass").split(b"\n")
        self.ingredients = Ingredients(source, survey, folding, origins)
        self._places: dict[tuple[str, str, bool], list[Use]] = defaultdict(list)
        self._called = {call.node.func for call in survey.calls}

    def uses(self) -> list[Use]:
        """Every name that is reached, in the order of the source."""
        survey = self.survey
        for statement, origin in survey.imports:
            self._use(statement, origin)
        for name in survey.names:
            self._name(name)
        for attribute in survey.attributes:
            self._attribute(attribute)
        for call in survey.calls:
            self._attribute_by_name(call.node)
            self._format(call.node)
        for pattern in survey.patterns:
            for attribute_name in pattern.kwd_attrs:
                self._use(pattern, f"?.{attribute_name}")
        self._special_names()
        for built in survey.built:
            text = self.folding.text(built)
            if text is not None and text.isidentifier():
                self._use(built, f"?.{text}" if _is_special(text) else f'"{text}"')
        listed = [use for places in self._places.values() for use in places]
        return sorted(listed, key=itemgetter("line", "column", "name", "node"))

    def calls(self) -> list[Call]:
        """Every call of something known, in the order of the source."""
        listed: dict[object, list[Call]] = defaultdict(list)
        for site in self.survey.calls:
            for name in sorted(each for each in self.origins.of(site.node.func) if isinstance(each, str)):
                if name == UNKNOWN:
                    continue
                arguments = [self._argument(argument) for argument in site.node.args]
                keywords = {each.arg or "**": self._argument(each.value) for each in site.node.keywords}
                same = listed[name, *map(_key, arguments), *keywords, *map(_key, keywords.values()), site.guards]
                if len(same) < PLACES:
                    given: Given = {"arguments": arguments, "keywords": keywords, "guards": sorted(site.guards)}
                    same.append({"name": name, **given, **self._site(site.node)})
                if len(listed) > MOST_USES:
                    raise TooMany
        every = [call for same in listed.values() for call in same]
        return sorted(every, key=itemgetter("line", "column", "name"))

    def functions(self) -> list[FunctionFacts]:
        """The call graph: the module's functions in the order of the source, its own statements first."""
        calls: dict[str, set[str]] = defaultdict(set)
        callers: dict[str, set[tuple[str, frozenset[str]]]] = defaultdict(set)
        for site in self.survey.calls:
            for callee in self.origins.of(site.node.func):
                if not isinstance(callee, str):
                    name = self.survey.defined_as[callee]
                    calls[site.scope.name].add(name)
                    callers[name].add((site.scope.name, site.guards))
                elif callee != UNKNOWN:
                    calls[site.scope.name].add(callee)
        if sum(map(len, callers.values())) > MOST_USES:
            raise TooMany
        places: dict[str, tuple[int, int]] = {"": (1, len(self.lines))}
        for definition, name in self.survey.defined_as.items():
            places.setdefault(name, (definition.lineno, definition.end_lineno or definition.lineno))
        return [
            {
                "name": name,
                "line": line,
                "lastLine": last,
                "calls": sorted(calls[name]),
                "callers": _callers(callers[name]),
            }
            for name, (line, last) in places.items()
        ]

    # Uses

    def _use(self, node: Located, name: str, called: bool = False) -> None:
        places = self._places[name, type(node).__name__, called]
        if len(self._places) > MOST_USES:
            raise TooMany
        if len(places) < PLACES:
            places.append({"name": name, "called": called, **self._site(node)})

    def _name(self, node: ast.Name) -> None:
        if not isinstance(node.ctx, ast.Load):
            if _is_special(node.id):
                self._use(node, f"?.{node.id}")
            return
        for origin in self.origins.of(node):
            if isinstance(origin, str) and origin != UNKNOWN:
                self._use(node, origin, node in self._called)

    def _attribute(self, node: ast.Attribute) -> None:
        called = node in self._called
        for origin in self.origins.of(node):
            if isinstance(origin, str) and origin != UNKNOWN:
                self._use(node, origin, called)
        chain: list[str] = [node.attr]
        at = node.value
        while isinstance(at, ast.Attribute):
            chain.append(at.attr)
            at = at.value
        objects = self.origins.of(at)
        if UNKNOWN in objects or not all(isinstance(each, str) for each in objects):
            self._use(node, ".".join([UNKNOWN, *reversed(chain)]), called)

    def _special_names(self) -> None:
        """Methods like `__reduce__`, and texts that name one."""
        for definition, name in self.survey.defined_as.items():
            last = name.rpartition(".")[2]
            if _is_special(last):
                self._use(definition, f"?.{last}")
        for constant in self.survey.constants:
            if isinstance(constant.value, str) and _is_special(constant.value):
                self._use(constant, f"?.{constant.value}")

    def _attribute_by_name(self, node: ast.Call) -> None:
        """`getattr(x, "ev" + "al")` reaches what `x.eval` reaches."""
        if len(node.args) < 2 or not ATTRIBUTE_CALLS & self.origins.of(node.func):
            return
        name = self.folding.text(node.args[1])
        if name is None:
            return
        for origin in self.origins.of(node.args[0]):
            known = origin if isinstance(origin, str) else UNKNOWN
            self._use(node, f"{known}{name}" if known.endswith("::") else f"{known}.{name}")

    def _format(self, node: ast.Call) -> None:
        """`"{0.__class__}".format(x)` reads attributes as well."""
        if not isinstance(node.func, ast.Attribute) or node.func.attr not in ("format", "format_map"):
            return
        template = self.folding.text(node.func.value)
        try:
            fields = [field for _, field, _, _ in string.Formatter().parse(template or "") if field]
        except ValueError:
            return
        for field in fields:
            for name in field.replace("[", ".").replace("]", "").split(".")[1:]:
                self._use(node, f"?.{name}")

    # Calls

    def _argument(self, node: ast.expr) -> Argument:
        number = node.value if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)) else None
        text = self.folding.text(node) if number is None else str(number)
        return {"text": text, "mentions": sorted(self.ingredients.marked(node))[:100]}

    def _site(self, node: Located) -> Site:
        line, column = node.lineno, node.col_offset
        last, end = node.end_lineno or line, node.end_col_offset or column
        text = self.lines[line - 1] if line <= len(self.lines) else b""
        if last == line:
            excerpt = text[column : min(end, column + EXCERPT_BYTES)]
        else:
            covered = self.lines[line - 1 : min(last, line + EXCERPT_BYTES)]
            if covered:
                covered[-1] = covered[-1][:end] if last <= line + EXCERPT_BYTES else covered[-1]
                covered[0] = covered[0][column:]
            excerpt = b"\n".join(covered)[:EXCERPT_BYTES]
        before = column if self.is_ascii else len(text[:column].decode("utf-8", "replace"))
        return {
            "node": type(node).__name__,
            "line": line,
            "column": before + 1,
            "excerptHash": hashlib.sha256(excerpt).hexdigest(),
        }


def _callers(found: set[tuple[str, frozenset[str]]]) -> list[Caller]:
    listed = sorted((name, sorted(guards)) for name, guards in found)
    return [{"name": name, "guards": guards[:MOST_GUARDS]} for name, guards in listed]


def _key(argument: Argument) -> tuple[str | None, ...]:
    return (argument["text"], *argument["mentions"])


def _is_special(name: str) -> bool:
    return len(name) > 4 and name.startswith("__") and name.endswith("__") and name.isidentifier()
