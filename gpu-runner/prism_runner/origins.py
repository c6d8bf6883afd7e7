"""Where the names of a module may lead: `o = open`, `h = torch.hub` and what is handed on through calls, attributes,
collections and returns, followed until nothing new turns up.

It says at least what may be, not what will be: no flow of control is followed, and an object that nobody knows is `?`.
"""

import ast
import builtins
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from prism_runner.folding import Folding
from prism_runner.module_imports import is_own
from prism_runner.scopes import CallSite, Definition, Function, Scope, Source, own_or_dotted
from prism_runner.survey import Survey

Origin = str | Definition
UNKNOWN = "?"
NOBODY: frozenset[Origin] = frozenset([UNKNOWN])
BUILTINS = frozenset(dir(builtins)) | {"exit", "quit", "help", "copyright", "credits", "license"}
ROUNDS = 200
MOST_ORIGINS = 512  # of one name
LONGEST_CHAIN = 12  # names in a row, as `a.b.c`

ATTRIBUTE_CALLS = {f"builtins.{name}" for name in ("getattr", "setattr", "hasattr", "delattr")}
# What they give is, or holds, what they were given.
PASSING = {f"builtins.{name}" for name in ("iter", "next", "list", "tuple", "set", "frozenset", "reversed", "sorted")}
PASSING |= {f"builtins.{name}" for name in ("enumerate", "zip", "filter", "max", "min", "vars", "dict")}
PASSING |= {"functools.partial", "copy.copy", "copy.deepcopy", "itertools.chain", "itertools.cycle", "itertools.repeat"}
HOLDING = {"get", "pop", "popleft", "popitem", "values", "items", "copy", "setdefault", "__getitem__"}


class TooTangled(Exception):
    """Names lead to names without end."""


class Origins:
    """What every expression of one module may be."""

    def __init__(self, survey: Survey, folding: Folding) -> None:
        self.survey, self.folding = survey, folding
        self._names: dict[tuple[Scope, str], set[Origin]] = defaultdict(set)
        self._attributes: dict[str, set[Origin]] = defaultdict(set)
        self._results: dict[Definition, set[Origin]] = defaultdict(set)
        self.handed: dict[tuple[Scope, str], dict[ast.expr, None]] = defaultdict(dict)  # arguments of known calls
        self._memory: dict[ast.expr, frozenset[Origin]] = {}
        self._held = [*self._sources()]
        for _ in range(ROUNDS):
            self._memory.clear()
            if not self._round():
                break
        else:
            raise TooTangled

    def of(self, node: ast.expr) -> frozenset[Origin]:
        """Where the value of an expression may come from."""
        found = self._memory.get(node)
        if found is None:
            if type(node) is ast.Name:
                found = self._memory[node] = self._name(node)
                return found
            follow = FOLLOWED.get(type(node))
            if follow is None:
                return NOBODY
            self._memory[node] = NOBODY  # for a value that depends on itself
            found = self._memory[node] = follow(self, node)
        return found

    def exports(self) -> dict[str, list[str]]:
        """What the module's own names lead to, as far as it is known."""
        listed = {
            name: sorted(origin for origin in self._names[self.survey.module, name] if isinstance(origin, str))
            for name in self.survey.module.bindings
        }
        known = {name: [each for each in origins if each != UNKNOWN] for name, origins in listed.items()}
        return {name: origins for name, origins in sorted(known.items()) if origins}

    # One round

    def _sources(self) -> Iterator[tuple[set[Origin], Source]]:
        """Everything that a name, an attribute or a result may be, beside what holds it."""
        for scope in self.survey.scopes:
            for name, bindings in scope.bindings.items():
                for binding in bindings:
                    yield self._names[scope, name], binding.source
        for attribute, sources in self.survey.attribute_sources.items():
            for source in sources:
                yield self._attributes[attribute], source
        for function, results in self.survey.returned.items():
            for result in results:
                yield self._results[function], result

    def _round(self) -> bool:
        before = self._size()
        for store, source in self._held:
            self._add(store, source)
        for call in self.survey.calls:
            self._hand_over(call)
        return self._size() > before

    def _size(self) -> int:
        return sum(sum(map(len, stores.values())) for stores in (self._names, self._attributes, self._results))

    def _add(self, store: set[Origin], source: Source) -> None:
        if isinstance(source, ast.expr) and not isinstance(source, ast.Lambda):
            store |= self.of(source)
        else:
            store.add(UNKNOWN if source is None else source)
        if len(store) > MOST_ORIGINS:
            raise TooTangled

    def _hand_over(self, call: CallSite) -> None:
        """Arguments reach the parameters of the module's own functions."""
        for callee in self.of(call.node.func):
            if isinstance(callee, str):
                continue
            function, skipped = _function_of(callee), 0
            if function is None:
                continue
            if function is not callee or (isinstance(call.node.func, ast.Attribute) and self._is_method(function)):
                skipped = 1
            scope = self.survey.inner_scopes[function]
            parameters = [*function.args.posonlyargs, *function.args.args][skipped:]
            by_position = zip((each.arg for each in parameters), call.node.args, strict=False)
            by_name = ((each.arg, each.value) for each in call.node.keywords if each.arg in scope.bindings)
            for parameter, argument in [*by_position, *by_name]:
                if parameter is not None:
                    self.handed[scope, parameter][argument] = None
                    self._add(self._names[scope, parameter], argument)

    def _is_method(self, function: Function) -> bool:
        return not isinstance(function, ast.Lambda) and function in self.survey.attribute_sources.get(function.name, [])

    # Expressions

    def _name(self, node: ast.Name) -> frozenset[Origin]:
        scope, name = self.survey.scope_of[node], node.id
        if scope.kind == "function" and name in scope.bindings and name not in scope.elsewhere:
            return frozenset(self._names[scope, name]) or NOBODY
        place = (node.lineno, node.col_offset)
        found: set[Origin] = set()
        at: Scope | None = self.survey.module if scope.elsewhere.get(name) == "global" else scope
        while at is not None:
            if name in at.bindings and (at.kind != "class" or at is scope):
                found |= self._names[at, name]
                if at.kind == "function" or at.surely_binds(name, place):
                    return frozenset(found) or NOBODY
            at = at.parent
        if name in BUILTINS or (name.startswith("__") and name.endswith("__")):
            found.add(f"builtins.{name}")
        found.update(own_or_dotted(module, name) for module in self.survey.stars)
        return frozenset(found) or NOBODY

    def _attribute(self, objects: frozenset[Origin], name: str) -> frozenset[Origin]:
        found: set[Origin] = set()
        for each in objects:
            if isinstance(each, str) and each != UNKNOWN:
                found.add(_shortened(own_or_dotted(each, name)))
            else:
                found |= {UNKNOWN, *self._attributes.get(name, ())}
        return frozenset(found)

    def _call(self, node: ast.Call) -> frozenset[Origin]:
        found: set[Origin] = {UNKNOWN}
        for callee in self.of(node.func):
            if not isinstance(callee, str):
                function = _function_of(callee)
                found |= self._results.get(function, set()) if function is callee and function is not None else set()
            elif callee in ATTRIBUTE_CALLS and len(node.args) >= 2:
                name = self.folding.text(node.args[1])
                found |= self._attribute(self.of(node.args[0]), name) if name is not None else set()
                found |= self.of(node.args[2]) if len(node.args) > 2 else set()
            elif callee in ("builtins.__import__", "importlib.import_module") and node.args:
                imported = self.folding.text(node.args[0])
                found |= {imported} if imported else set()
            elif callee in PASSING:
                found |= self._any(node.args)
        if isinstance(node.func, ast.Attribute) and node.func.attr in HOLDING:
            found |= self.of(node.func.value)
        return frozenset(found)

    def _any(self, nodes: Iterable[ast.expr]) -> frozenset[Origin]:
        return NOBODY.union(*map(self.of, nodes))


Follow = Callable[[Origins, Any], frozenset[Origin]]
FOLLOWED: dict[type, Follow] = {
    ast.Name: Origins._name,
    ast.Attribute: lambda self, node: self._attribute(self.of(node.value), node.attr),
    ast.Call: Origins._call,
    ast.Lambda: lambda self, node: frozenset([node]),
    ast.IfExp: lambda self, node: self.of(node.body) | self.of(node.orelse),
    ast.DictComp: lambda self, node: self.of(node.value),
    **dict.fromkeys((ast.Tuple, ast.List, ast.Set), lambda self, node: self._any(node.elts)),
    **dict.fromkeys((ast.BoolOp, ast.Dict), lambda self, node: self._any(node.values)),
    **dict.fromkeys((ast.NamedExpr, ast.Starred, ast.Await, ast.Subscript), lambda self, node: self.of(node.value)),
    **dict.fromkeys((ast.ListComp, ast.SetComp, ast.GeneratorExp), lambda self, node: self.of(node.elt)),
}


def _function_of(definition: Origin) -> Function | None:
    """What runs when the module's own function or class is called."""
    if isinstance(definition, str):
        return None
    if isinstance(definition, ast.ClassDef):
        methods = (each for each in definition.body if isinstance(each, ast.FunctionDef) and each.name == "__init__")
        return next(methods, None)
    return definition


def _shortened(origin: str) -> str:
    """A chain that grows in a loop (`node = node.next`) must end somewhere."""
    root, *rest = origin.rpartition("::")[2].split(".")
    if len(rest) <= LONGEST_CHAIN:
        return origin
    if is_own(origin):
        return UNKNOWN
    return ".".join([root, *rest[-(LONGEST_CHAIN // 2) :]])
