"""The scopes of a module and what each of them binds.

A name is looked up as Python does it: functions bind for good; a module or a class binds a name from the end of the
statement that surely does, and before that, or where a statement may not run, the name still leads to the builtin.
"""

import ast
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from prism_runner.module_imports import is_own
from prism_runner.trees import nodes_in

Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
Definition = Function | ast.ClassDef
Source = ast.expr | Definition | str | None  # a string is where an import leads; None: nobody knows
Place = tuple[int, int]  # line from 1, column in UTF-8 bytes from 0


class Binding(NamedTuple):
    """One way in which a name comes to a value."""

    source: Source
    settled: Place | None  # from here on the name is surely bound; None: it may not be


@dataclass(eq=False)
class Scope:
    """A module, a class body, or a function (lambdas and comprehensions too)."""

    kind: Literal["module", "class", "function"]
    parent: "Scope | None"
    name: str  # qualified: `Model.forward`
    function: Function | None = None
    is_comprehension: bool = False
    bindings: dict[str, list[Binding]] = field(default_factory=lambda: defaultdict(list))
    elsewhere: dict[str, Literal["global", "nonlocal"]] = field(default_factory=dict)
    deleted: set[str] = field(default_factory=set)
    _settled: dict[str, Place | None] = field(default_factory=dict)  # from where on a name is surely bound

    def surely_binds(self, name: str, place: Place) -> bool:
        """Whether the name has a value of this scope's when execution reaches `place`; asked once all is bound."""
        if self.kind == "function":
            return True
        if name not in self._settled:
            settled = [binding.settled for binding in self.bindings[name] if binding.settled is not None]
            self._settled[name] = min(settled, default=None)
        first = self._settled[name]
        return name not in self.deleted and first is not None and first <= place


class CallSite(NamedTuple):
    """A call, where it stands, and what the conditions around it mention."""

    node: ast.Call
    scope: Scope
    guards: frozenset[str]


def binding_scope(scope: Scope, name: str) -> Scope | None:
    """The scope that binds a name as it is read in `scope`, of those around it."""
    is_global = scope.elsewhere.get(name) == "global"
    at: Scope | None = scope
    while at is not None:
        if name in at.bindings and (at.kind == "module" if is_global else at is scope or at.kind != "class"):
            return at
        at = at.parent
    return None


def mentioned_in(expression: ast.expr) -> frozenset[str]:
    """Names and attributes that stand in an expression: `ctx.rank == 0` mentions ctx and rank."""
    found: set[str] = set()
    for node in nodes_in(expression):
        kind = type(node)
        if kind is ast.Name:
            found.add(node.id)
        elif kind is ast.Attribute:
            found.add(node.attr)
    return frozenset(found)


def own_or_dotted(origin: str, attribute: str) -> str:
    """Where an attribute of what `origin` names leads."""
    return f"{origin}{attribute}" if is_own(origin) and origin.endswith("::") else f"{origin}.{attribute}"
