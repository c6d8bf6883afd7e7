"""Where the names of a module may lead: `o = open`, `h = torch.hub` and what is handed on through calls, attributes,
collections and returns, followed until nothing new turns up.

It says at least what may be, not what will be: no flow of control is followed, and an object that nobody knows is `?`.
"""

import ast
import builtins
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import product
from typing import Any

from prism_runner.carriers import CALLING, HOLDING, IN_PLACE, MAKING, PASSING, SETTING, SETTING_CALLS
from prism_runner.folding import Folding
from prism_runner.handing import fields_of, initialiser_of, reached
from prism_runner.module_imports import is_own
from prism_runner.scopes import CallSite, Definition, Function, Scope, Source, own_or_dotted
from prism_runner.survey import Survey, given_to

Origin = str | Definition
UNKNOWN = "?"
NOBODY: frozenset[Origin] = frozenset([UNKNOWN])
BUILTINS = frozenset(dir(builtins)) | {"exit", "quit", "help", "copyright", "credits", "license"}
ROUNDS = 200
MOST_ORIGINS = 512  # of one name
LONGEST_CHAIN = 12  # names in a row, as `a.b.c`

CARRYING = PASSING | CALLING.keys()
ATTRIBUTE_CALLS = {f"builtins.{name}" for name in ("getattr", "setattr", "hasattr", "delattr")}


class _Store(set[Origin]):
    """What a name, an attribute or a result may be, as far as it is known."""

    was_read = was_missed = False

    def read(self) -> "_Store":
        """Itself, for whom nothing is as good as UNKNOWN."""
        self.was_read = True
        return self

    def read_strictly(self) -> "_Store":
        """Itself, for whom it isn't."""
        self.was_read = True
        self.was_missed |= not self
        return self

    def grow(self, origins: frozenset[Origin]) -> bool:
        """Add them; whether what was made of it has to be made again."""
        before = len(self)
        self |= origins
        if len(self) == before:
            return False
        return self.was_missed or (self.was_read and (before > 0 or len(self) > 1 or UNKNOWN not in self))


class TooTangled(Exception):
    """Names lead to names without end."""


class Origins:
    """What every expression of one module may be."""

    def __init__(self, survey: Survey, folding: Folding) -> None:
        self.survey, self.folding = survey, folding
        self._names: dict[tuple[Scope, str], _Store] = defaultdict(_Store)
        self._attributes: dict[str, _Store] = defaultdict(_Store)
        self._results: dict[Definition, _Store] = defaultdict(_Store)
        self.handed: dict[tuple[Scope, str], dict[ast.expr, None]] = defaultdict(dict)  # arguments of known calls
        self.given: dict[str, dict[ast.expr, None]] = defaultdict(dict)  # attributes that calls set
        self.fields: set[str] = set()  # those that calls of the module's own classes set
        self.gives_any = False  # whether a call sets attributes whose names nobody sees
        self._memory: dict[ast.expr, frozenset[Origin]] = {}
        self._is_stale = False  # whether a store has grown that was read before
        self._held: list[tuple[_Store, ast.expr]] = []
        self._handed_over: set[tuple[Function, ast.Call]] = set()  # what is held already
        for store, source in self._sources():
            if isinstance(source, ast.expr):
                self._held.append((store, source))
            else:
                store.add(UNKNOWN if source is None else source)
        self._follow()

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

    def _sources(self) -> Iterator[tuple[_Store, Source]]:
        """Everything that a name, an attribute or a result may be, beside what holds it."""
        for scope in self.survey.scopes:
            for name, bindings in scope.bindings.items():
                for binding in bindings:
                    yield self._names[scope, name], binding.source
        for attribute, sources in self.survey.attribute_sources.items():
            for source in sources:
                yield self._attributes[attribute], source
                if isinstance(source, (ast.FunctionDef, ast.AsyncFunctionDef)) and source.decorator_list:
                    for result in self.survey.returned[source]:  # of a property
                        yield self._attributes[attribute], result
        for function, results in self.survey.returned.items():
            for result in results:
                yield self._results[function], result

    def _follow(self) -> None:
        for _ in range(ROUNDS):
            self._memory.clear()
            self._is_stale = False
            self._round()
            if not self._is_stale:
                return
        raise TooTangled

    def _round(self) -> None:
        for store, source in [*self._held]:
            self._add(store, source)
        for call in self.survey.calls:
            self._hand_over(call)
        for node in self.survey.setting:
            self._set(node)

    def _add(self, store: _Store, source: ast.expr) -> None:
        self._is_stale |= store.grow(self.of(source))
        if len(store) > MOST_ORIGINS:
            raise TooTangled

    def _hand_over(self, call: CallSite) -> None:
        """Arguments reach the parameters of the module's own functions, and the fields of its classes."""
        node = call.node
        for callee in self.of(node.func):
            if not isinstance(callee, str):
                self._reach(callee, node, node.func, node.args, node.keywords, None)
            elif callee in SETTING_OR_MAKING:
                SETTING_OR_MAKING[callee](self, node)
            elif callee in CALLING:
                self._hand_on(node, CALLING[callee], None if callee in IN_PLACE else 0)

    def _hand_on(self, node: ast.Call, place: int | str, sure: int | None) -> None:
        """`map(f, things)` calls f with things, `partial(f, thing)` will."""
        called = [each.value for each in node.keywords if each.arg == place]
        called += node.args[place : place + 1] if isinstance(place, int) else []
        for function in called:
            others = [each for each in node.args if each is not function]
            named = [each for each in node.keywords if each.value is not function]
            for callee in self.of(function):
                if not isinstance(callee, str):
                    self._reach(callee, node, function, others, named, sure)

    def _reach(
        self,
        callee: Definition,
        node: ast.Call,
        called: ast.expr,
        arguments: Sequence[ast.expr],
        keywords: Sequence[ast.keyword],
        sure: int | None,  # so many arguments go by their place; None: all up to the first that is spread
    ) -> None:
        function = self._initialiser(callee) if isinstance(callee, ast.ClassDef) else callee
        if isinstance(callee, ast.ClassDef) and function is None:
            self._give_fields(callee, arguments, keywords)
        elif function is not None and (function, node) not in self._handed_over:
            self._handed_over.add((function, node))
            is_method = isinstance(called, ast.Attribute) and self._is_method(function)
            scope = self.survey.inner_scopes[function]
            for name, argument in reached(function, function is not callee or is_method, arguments, keywords, sure):
                self.handed[scope, name][argument] = None
                self._held.append((self._names[scope, name], argument))
                self._add(self._names[scope, name], argument)

    def _give_fields(
        self, definition: ast.ClassDef, arguments: Iterable[ast.expr], keywords: Iterable[ast.keyword]
    ) -> None:
        """A class without `__init__` keeps what it is given in the fields that it declares."""
        lineage = self._lineage(definition)
        self.gives_any |= any("builtins.type" in self.of(base) for each in lineage for base in each.bases)
        every = [each for base in lineage for each in fields_of(base)]
        given = [*product(every, arguments)]
        for keyword in keywords:
            given += product([keyword.arg] if keyword.arg else every, [keyword.value])
        for name, value in given:
            self.fields.add(name)
            self._give_attribute(name, value)

    def _set(self, node: ast.Call) -> None:
        """`setattr(x, "a", v)`, `x.__setattr__("a", v)`, `replace(x, a=v)`."""
        if len(node.args) > 1 and not isinstance(node.args[-2], ast.Starred):
            name = self.folding.text(node.args[-2])
            self.gives_any |= name is None
            if name is not None:
                self._give_attribute(name, node.args[-1])
        else:
            self.gives_any |= any(isinstance(each, ast.Starred) for each in node.args)
        for keyword in node.keywords:
            self.gives_any |= keyword.arg is None
            if keyword.arg is not None:
                self._give_attribute(keyword.arg, keyword.value)

    def _give_attribute(self, name: str, value: ast.expr) -> None:
        self.given[name][value] = None
        self._add(self._attributes[name], value)

    def _make_class(self, node: ast.Call) -> None:
        """`namedtuple("P", "a b")`, and `type` with three arguments."""
        self.gives_any |= len(node.args) != 1

    def _initialiser(self, definition: ast.ClassDef) -> Function | None:
        """What runs when one of the module's own classes is called: its `__init__`, or one that it derives."""
        own = initialiser_of(definition)
        if own is not None or not definition.bases:
            return own
        derived = (initialiser_of(each) for each in self._lineage(definition))
        return next((each for each in derived if each is not None), None)

    def _lineage(self, definition: ast.ClassDef) -> list[ast.ClassDef]:
        """The class and those of the module that it derives from, nearest first."""
        lineage = [definition]
        for each in lineage:
            bases = (origin for base in each.bases for origin in self.of(base))
            lineage += [base for base in bases if isinstance(base, ast.ClassDef) and base not in lineage]
        return lineage

    def _is_method(self, function: Function) -> bool:
        return not isinstance(function, ast.Lambda) and function in self.survey.attribute_sources.get(function.name, [])

    # Expressions

    def _name(self, node: ast.Name) -> frozenset[Origin]:
        scope, name = self.survey.scope_of[node], node.id
        if scope.kind == "function" and name in scope.bindings and name not in scope.elsewhere:
            return frozenset(self._names[scope, name].read()) or NOBODY
        place = (node.lineno, node.col_offset)
        found: set[Origin] = set()
        at: Scope | None = self.survey.module if scope.elsewhere.get(name) == "global" else scope
        while at is not None:
            if name in at.bindings and (at.kind != "class" or at is scope):
                found |= self._names[at, name].read_strictly()
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
                found |= {UNKNOWN, *self._attributes[name].read()}
        return frozenset(found)

    def _joined(self, node: ast.BinOp) -> frozenset[Origin]:
        """Collections are put together by `+` and `|`."""
        return self.of(node.left) | self.of(node.right) if isinstance(node.op, (ast.Add, ast.BitOr)) else NOBODY

    def _call(self, node: ast.Call) -> frozenset[Origin]:
        found: set[Origin] = {UNKNOWN}
        for callee in self.of(node.func):
            if not isinstance(callee, str):
                found |= self._results[callee].read()
            elif callee in ATTRIBUTE_CALLS and len(node.args) >= 2:
                name = self.folding.text(node.args[1])
                self.gives_any |= name in SETTING
                found |= self._attribute(self.of(node.args[0]), name) if name is not None else set()
                found |= self.of(node.args[2]) if len(node.args) > 2 else set()
            elif callee in ("builtins.__import__", "importlib.import_module") and node.args:
                imported = self.folding.text(node.args[0])
                found |= {imported} if imported else set()
            elif callee in CARRYING:
                found |= self._any(given_to(node)) if callee in PASSING else NOBODY
                found |= self._results_of(given_to(node)) if callee in CALLING else NOBODY
        if isinstance(node.func, ast.Attribute) and node.func.attr in HOLDING:
            found |= self.of(node.func.value)
        return frozenset(found)

    def _results_of(self, functions: Iterable[ast.expr]) -> set[Origin]:
        """What the module's own functions among them may give."""
        found: set[Origin] = set()
        for function in self._any(functions):
            found |= set() if isinstance(function, str) else self._results[function].read()
        return found

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
    ast.BinOp: Origins._joined,
    **dict.fromkeys((ast.Tuple, ast.List, ast.Set), lambda self, node: self._any(node.elts)),
    **dict.fromkeys((ast.BoolOp, ast.Dict), lambda self, node: self._any(node.values)),
    **dict.fromkeys((ast.NamedExpr, ast.Starred, ast.Await, ast.Subscript), lambda self, node: self.of(node.value)),
    **dict.fromkeys((ast.ListComp, ast.SetComp, ast.GeneratorExp), lambda self, node: self.of(node.elt)),
}


SETTING_OR_MAKING: dict[str, Callable[[Origins, ast.Call], None]] = {
    **dict.fromkeys(SETTING_CALLS, Origins._set),
    **dict.fromkeys(MAKING, Origins._make_class),
}


def _shortened(origin: str) -> str:
    """A chain that grows in a loop (`node = node.next`) must end somewhere."""
    root, *rest = origin.rpartition("::")[2].split(".")
    if len(rest) <= LONGEST_CHAIN:
        return origin
    if is_own(origin):
        return UNKNOWN
    return ".".join([root, *rest[-(LONGEST_CHAIN // 2) :]])
