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

from prism_runner.folding import Folding
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

ATTRIBUTE_CALLS = {f"builtins.{name}" for name in ("getattr", "setattr", "hasattr", "delattr")}
# What they give is, or holds, what they were given.
PASSING = {f"builtins.{name}" for name in ("iter", "next", "list", "tuple", "set", "frozenset", "reversed", "sorted")}
PASSING |= {f"builtins.{name}" for name in ("enumerate", "zip", "filter", "max", "min", "sum", "vars", "dict")}
PASSING |= {f"functools.{name}" for name in ("partial", "partialmethod", "reduce", "cache", "lru_cache", "wraps")}
PASSING |= {"contextlib.nullcontext", "contextlib.closing", "typing.cast", "copy.copy", "copy.deepcopy"}
PASSING |= {f"collections.{name}" for name in ("deque", "OrderedDict", "defaultdict", "ChainMap", "UserDict", "UserList")}
PASSING |= {f"itertools.{name}" for name in ("chain", "chain.from_iterable", "cycle", "repeat", "islice", "zip_longest")}
PASSING |= {f"itertools.{name}" for name in ("product", "permutations", "combinations", "pairwise", "tee", "compress")}
# They call the functions that they are given with whatever else they are given.
CALLING = {f"builtins.{name}" for name in ("map", "filter", "sorted", "max", "min")}
CALLING |= {"functools.partial", "functools.reduce", "itertools.starmap", "itertools.accumulate", "itertools.groupby"}
CALLING |= {"itertools.takewhile", "itertools.dropwhile", "itertools.filterfalse"}
MAKING = {"builtins.type", "collections.namedtuple", "typing.NamedTuple", "enum.Enum", "enum.Flag", "dataclasses.make_dataclass"}
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
        self.given: dict[str, dict[ast.expr, None]] = defaultdict(dict)  # attributes that calls set
        self.gives_any = False  # whether a call sets attributes whose names nobody sees
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
                if isinstance(source, Function) and not isinstance(source, ast.Lambda) and source.decorator_list:
                    for result in self.survey.returned[source]:  # of a property
                        yield self._attributes[attribute], result
        for function, results in self.survey.returned.items():
            for result in results:
                yield self._results[function], result

    def _round(self) -> bool:
        before = self._size()
        for store, source in self._held:
            self._add(store, source)
        for call in self.survey.calls:
            self._hand_over(call)
        for node in self.survey.setting:
            self._set(node)
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
        node = call.node
        for callee in self.of(node.func):
            if isinstance(callee, str):
                special = SPECIAL.get(callee)
                if special is not None:
                    special(self, node)
                continue
            function = self._initialiser(callee) if isinstance(callee, ast.ClassDef) else callee
            if function is None:
                self._give_fields(callee, node)
                continue
            is_bound = isinstance(node.func, ast.Attribute) and self._is_method(function)
            skipped = 1 if function is not callee or is_bound else 0
            self._give(function, skipped, node.args, node.keywords)

    def _hand_on(self, node: ast.Call) -> None:
        """`map(f, things)` calls f with things, `partial(f, thing)` will."""
        values = given_to(node)
        for function in {each for value in values for each in self.of(value) if isinstance(each, Function)}:
            others = [value for value in values if function not in self.of(value)]
            self._give(function, 0, others, [], sure=0)

    def _give(
        self,
        function: Function,
        skipped: int,
        arguments: Sequence[ast.expr],
        keywords: Iterable[ast.keyword],
        sure: int | None = None,  # so many arguments go by their place, the others anywhere behind
    ) -> None:
        scope, taken = self.survey.inner_scopes[function], function.args
        named = [each.arg for each in (*taken.posonlyargs, *taken.args)][skipped:]
        rest = [taken.vararg.arg] if taken.vararg else []
        if sure is None:
            sure = next((place for place, each in enumerate(arguments) if type(each) is ast.Starred), len(arguments))
        reached = [*zip(named, arguments[:sure], strict=False)]
        reached += product(rest, arguments[len(named) : sure])
        reached += product([*named[sure:], *rest], arguments[sure:])
        if keywords:
            by_name = {*named, *(each.arg for each in taken.kwonlyargs)}
            spread = [taken.kwarg.arg] if taken.kwarg else []
            for keyword in keywords:
                names = [keyword.arg] if keyword.arg in by_name else spread if keyword.arg else [*by_name, *spread]
                reached += product(names, [keyword.value])
        for parameter, argument in reached:
            self.handed[scope, parameter][argument] = None
            self._add(self._names[scope, parameter], argument)

    def _give_fields(self, definition: ast.ClassDef, node: ast.Call) -> None:
        """A class without `__init__` keeps what it is given in the fields that it declares."""
        every = [each for base in self._lineage(definition) for each in _fields_of(base)]
        for argument in node.args:
            for name in every:
                self._give_attribute(name, argument)
        for keyword in node.keywords:
            for name in [keyword.arg] if keyword.arg else every:
                self._give_attribute(name, keyword.value)

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
        """What runs when one of the module's own classes is called: its `__init__`, or that of a class it derives from."""
        return next(filter(None, map(_own_initialiser, self._lineage(definition))), None)

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

    def _joined(self, node: ast.BinOp) -> frozenset[Origin]:
        """Collections are put together by `+` and `|`."""
        return self._any((node.left, node.right)) if type(node.op) in (ast.Add, ast.BitOr) else NOBODY

    def _call(self, node: ast.Call) -> frozenset[Origin]:
        found: set[Origin] = {UNKNOWN}
        for callee in self.of(node.func):
            if not isinstance(callee, str):
                found |= self._results.get(callee, set())
            elif callee in ATTRIBUTE_CALLS and len(node.args) >= 2:
                name = self.folding.text(node.args[1])
                found |= self._attribute(self.of(node.args[0]), name) if name is not None else set()
                found |= self.of(node.args[2]) if len(node.args) > 2 else set()
            elif callee in ("builtins.__import__", "importlib.import_module") and node.args:
                imported = self.folding.text(node.args[0])
                found |= {imported} if imported else set()
            elif callee in PASSING:
                found |= self._any(given_to(node))
            if callee in CALLING:
                found |= self._results_of(node.args)
        if isinstance(node.func, ast.Attribute) and node.func.attr in HOLDING:
            found |= self.of(node.func.value)
        return frozenset(found)

    def _results_of(self, functions: Iterable[ast.expr]) -> set[Origin]:
        """What the module's own functions among them may give."""
        found: set[Origin] = set()
        for function in self._any(functions):
            found |= set() if isinstance(function, str) else self._results.get(function, set())
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


# Calls of the library that set attributes, or call what they are given.
SPECIAL: dict[str, Callable[[Origins, ast.Call], None]] = {
    **dict.fromkeys(CALLING, Origins._hand_on),
    **dict.fromkeys(("builtins.setattr", "dataclasses.replace"), Origins._set),
    **dict.fromkeys(MAKING, Origins._make_class),
}


def _fields_of(definition: ast.ClassDef) -> list[str]:
    declared = (each.target for each in definition.body if isinstance(each, ast.AnnAssign))
    return [target.id for target in declared if isinstance(target, ast.Name)]


def _own_initialiser(definition: ast.ClassDef) -> Function | None:
    methods = (each for each in definition.body if isinstance(each, ast.FunctionDef) and each.name == "__init__")
    return next(methods, None)


def _shortened(origin: str) -> str:
    """A chain that grows in a loop (`node = node.next`) must end somewhere."""
    root, *rest = origin.rpartition("::")[2].split(".")
    if len(rest) <= LONGEST_CHAIN:
        return origin
    if is_own(origin):
        return UNKNOWN
    return ".".join([root, *rest[-(LONGEST_CHAIN // 2) :]])
