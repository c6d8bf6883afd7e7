"""One walk over a module's tree: its scopes and bindings, and the places that facts are read off."""

import ast
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Literal

from prism_runner.carriers import FILLING, LOOKING_UP, SETTING
from prism_runner.module_imports import import_origin
from prism_runner.scopes import (
    Binding,
    CallSite,
    Definition,
    Function,
    Place,
    Scope,
    Source,
    binding_scope,
    mentioned_in,
)
from prism_runner.trees import CHILDREN

BUILDING = {ast.BinOp, ast.JoinedStr, ast.Subscript}  # what may put a text together
LEAVING = (ast.Return, ast.Continue, ast.Raise)
FILLING_OR_SETTING = FILLING | SETTING
NOTHING: frozenset[str] = frozenset()


class Survey:
    """One walk over a module."""

    def __init__(self, tree: ast.Module, path: str, paths: frozenset[str]) -> None:
        self.path, self.paths = path, paths
        self.module = Scope("module", None, "")
        self.scopes = [self.module]
        self.inner_scopes: dict[Function, Scope] = {}
        self.scope_of: dict[ast.AST, Scope] = {}  # of every expression
        self.defined_as: dict[Definition, str] = {}
        self.names: list[ast.Name] = []
        self.attributes: list[ast.Attribute] = []  # outermost ones: `a.b.c` once
        self.calls: list[CallSite] = []
        self.setting: list[ast.Call] = []  # of methods that give their object an attribute
        self.imports: list[tuple[ast.Import | ast.ImportFrom, str]] = []  # with where they lead
        self.patterns: list[ast.MatchClass] = []
        self.constants: list[ast.Constant] = []
        self.collections: list[ast.List | ast.Tuple | ast.Set] = []
        self.bare: list[ast.Expr] = []  # expressions that stand for themselves
        self.built: list[ast.expr] = []
        self.returned: dict[Function, list[ast.expr]] = defaultdict(list)
        self.attribute_sources: dict[str, list[Source]] = defaultdict(list)  # whatever object has the attribute
        self.stars: list[str] = []
        self._nonlocals: list[tuple[Scope, str, Binding]] = []
        self._filled: list[tuple[Scope, ast.expr, ast.expr | None]] = []
        self._body(tree.body, self.module, NOTHING, True)
        for scope, name, binding in self._nonlocals:
            _enclosing(scope, name).bindings[name].append(binding)
        for scope, target, value in self._filled:
            self._fill(scope, target, value)

    # Statements

    def _body(self, statements: Iterable[ast.stmt], scope: Scope, guards: frozenset[str], certain: bool) -> None:
        for statement in statements:
            STATEMENTS.get(type(statement), Survey._other)(self, statement, scope, guards, certain)
            if isinstance(statement, ast.If) and isinstance(statement.body[-1], LEAVING):
                guards = guards | mentioned_in(statement.test)

    def _assignment(self, node: ast.Assign, scope: Scope, guards: frozenset[str], certain: bool) -> None:
        self._expression(node.value, scope, guards)
        for target in node.targets:
            self._assign(target, node.value, scope, _end(node) if certain else None)

    def _annotated(self, node: ast.AnnAssign, scope: Scope, guards: frozenset[str], certain: bool) -> None:
        self._expressions([node.annotation, node.value], scope, guards)
        self._assign(node.target, node.value, scope, _end(node) if certain and node.value else None)

    def _augmented(self, node: ast.AugAssign, scope: Scope, guards: frozenset[str], certain: bool) -> None:
        """`x += y` binds x to `x + y`."""
        self._expression(node.value, scope, guards)
        combined = ast.BinOp(node.target, node.op, node.value)
        self._assign(node.target, combined, scope, _end(node) if certain else None)

    def _for(self, node: ast.For | ast.AsyncFor, scope: Scope, guards: frozenset[str], _: bool) -> None:
        self._expression(node.iter, scope, guards)
        self._assign(node.target, node.iter, scope, None)
        self._body([*node.body, *node.orelse], scope, guards, False)

    def _conditional(self, node: ast.If | ast.While, scope: Scope, guards: frozenset[str], _: bool) -> None:
        self._expression(node.test, scope, guards)
        inside = guards | mentioned_in(node.test)
        self._body(node.body, scope, inside, False)
        self._body(node.orelse, scope, inside, False)

    def _with(self, node: ast.With | ast.AsyncWith, scope: Scope, guards: frozenset[str], _: bool) -> None:
        for entered in node.items:
            self._expression(entered.context_expr, scope, guards)
            self._assign(entered.optional_vars, entered.context_expr, scope, None)
        self._body(node.body, scope, guards, False)

    def _elsewhere(self, node: ast.Global | ast.Nonlocal, scope: Scope, _: frozenset[str], __: bool) -> None:
        kind: Literal["global", "nonlocal"] = "global" if isinstance(node, ast.Global) else "nonlocal"
        scope.elsewhere |= dict.fromkeys(node.names, kind)

    def _delete(self, node: ast.Delete, scope: Scope, guards: frozenset[str], _: bool) -> None:
        for target in node.targets:
            self._expression(target, scope, guards)
            if isinstance(target, ast.Name):
                (self.module if scope.elsewhere.get(target.id) else scope).deleted.add(target.id)

    def _bare(self, node: ast.Expr, scope: Scope, guards: frozenset[str], _: bool) -> None:
        self.bare.append(node)
        self._expression(node.value, scope, guards)

    def _other(self, node: ast.stmt, scope: Scope, guards: frozenset[str], _: bool) -> None:
        if isinstance(node, ast.Return) and node.value is not None and scope.function is not None:
            self.returned[scope.function].append(node.value)
        self._expressions([getattr(node, name) for name in CHILDREN[type(node)]], scope, guards)

    def _function(
        self, node: ast.FunctionDef | ast.AsyncFunctionDef, scope: Scope, guards: frozenset[str], certain: bool
    ) -> None:
        self._expressions([*node.decorator_list, node.returns], scope, guards)
        # Its own body runs when the name is bound; its decorators and defaults ran before.
        start = (node.body[0].lineno, node.body[0].col_offset) if certain else None
        self._bind(scope, node.name, Binding(node, start))
        self.defined_as[node] = _qualified(scope, node.name)
        inner = self._inside(Scope("function", scope, self.defined_as[node], node))
        self._arguments(node.args, scope, inner, guards)
        self._body(node.body, inner, guards, False)

    def _inside(self, scope: Scope) -> Scope:
        self.scopes.append(scope)
        if scope.function is not None and not scope.is_comprehension:
            self.inner_scopes[scope.function] = scope
        return scope

    def _arguments(self, arguments: ast.arguments, outer: Scope, inner: Scope, guards: frozenset[str]) -> None:
        plain = [*arguments.posonlyargs, *arguments.args]
        named = [*plain, *arguments.kwonlyargs]
        for argument in [*named, arguments.vararg, arguments.kwarg]:
            if argument is not None:
                self._expressions([argument.annotation], outer, guards)
                inner.bindings[argument.arg].append(Binding(None, None))
        with_default = [*zip(reversed(plain), reversed(arguments.defaults), strict=False)]
        for argument, default in [*with_default, *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)]:
            if default is not None:
                self._expression(default, outer, guards)
                inner.bindings[argument.arg].append(Binding(default, None))

    def _class(self, node: ast.ClassDef, scope: Scope, guards: frozenset[str], certain: bool) -> None:
        self._expressions([*node.decorator_list, *node.bases, *(each.value for each in node.keywords)], scope, guards)
        self.defined_as[node] = _qualified(scope, node.name)
        inner = self._inside(Scope("class", scope, self.defined_as[node]))
        self._body(node.body, inner, guards, True)
        self._bind(scope, node.name, Binding(node, _end(node) if certain else None))

    def _import(self, node: ast.Import | ast.ImportFrom, scope: Scope, _: frozenset[str], certain: bool) -> None:
        for alias in node.names:
            origin = import_origin(node, alias.name, self.path, self.paths)
            self.imports.append((node, origin))
            if alias.name == "*":
                self.stars.append(origin.removesuffix("*").removesuffix("."))
                continue
            bound = alias.asname or (alias.name if isinstance(node, ast.ImportFrom) else alias.name.split(".")[0])
            if isinstance(node, ast.Import) and alias.asname is None and "." in alias.name:
                origin = import_origin(node, bound, self.path, self.paths)
            self._bind(scope, bound, Binding(origin, _end(node) if certain else None))

    def _try(self, node: ast.Try | ast.TryStar, scope: Scope, guards: frozenset[str], _: bool) -> None:
        self._body(node.body, scope, guards, False)
        for handler in node.handlers:
            self._expressions([handler.type], scope, guards)
            if handler.name is not None:
                self._bind(scope, handler.name, Binding(None, None))
                scope.deleted.add(handler.name)
            self._body(handler.body, scope, guards, False)
        self._body([*node.orelse, *node.finalbody], scope, guards, False)

    def _match(self, node: ast.Match, scope: Scope, guards: frozenset[str], _: bool) -> None:
        self._expression(node.subject, scope, guards)
        for case in node.cases:
            for part in ast.walk(case.pattern):
                self._pattern(part, node.subject, scope, guards)
            self._expressions([case.guard], scope, guards)
            self._body(case.body, scope, guards, False)

    def _pattern(self, part: ast.AST, subject: ast.expr, scope: Scope, guards: frozenset[str]) -> None:
        """One node of a pattern; those below it are asked for by themselves."""
        match part:
            case ast.MatchValue():
                self._expression(part.value, scope, guards)
            case ast.MatchClass():
                self._expression(part.cls, scope, guards)
                self.patterns.append(part)
            case ast.MatchMapping():
                self._expressions(part.keys, scope, guards)
        name = part.rest if isinstance(part, ast.MatchMapping) else getattr(part, "name", None)
        if isinstance(part, ast.pattern) and isinstance(name, str):
            self._bind(scope, name, Binding(subject, None))

    # Expressions

    def _expressions(self, nodes: Iterable[ast.expr | None], scope: Scope, guards: frozenset[str]) -> None:
        for node in nodes:
            if node is not None:
                self._expression(node, scope, guards)

    def _expression(self, node: ast.expr, scope: Scope, guards: frozenset[str]) -> None:
        kind = type(node)
        self.scope_of[node] = scope
        special = EXPRESSIONS.get(kind)
        if special is not None:
            special(self, node, scope, guards)
            return
        if kind in BUILDING:
            self.built.append(node)
        for name in CHILDREN[kind]:
            below = getattr(node, name)
            if type(below) is list:
                self._expressions(below, scope, guards)
            elif below is not None:
                self._expression(below, scope, guards)

    def _name(self, node: ast.Name, _: Scope, __: frozenset[str]) -> None:
        self.names.append(node)

    def _constant(self, node: ast.Constant, _: Scope, __: frozenset[str]) -> None:
        self.constants.append(node)

    def _attribute(self, node: ast.Attribute, scope: Scope, guards: frozenset[str]) -> None:
        self.attributes.append(node)
        below = node.value
        while isinstance(below, ast.Attribute):  # listed with the outermost
            self.scope_of[below] = scope
            below = below.value
        self._expression(below, scope, guards)

    def _collection(self, node: ast.List | ast.Tuple | ast.Set, scope: Scope, guards: frozenset[str]) -> None:
        self.collections.append(node)
        self._expressions(node.elts, scope, guards)

    def _call(self, node: ast.Call, scope: Scope, guards: frozenset[str]) -> None:
        self.built.append(node)
        self.calls.append(CallSite(node, scope, guards))
        method = node.func
        if type(method) is ast.Attribute and method.attr in FILLING_OR_SETTING:
            if method.attr in FILLING:
                self._filled += ((scope, method.value, each) for each in given_to(node))
            else:
                self.setting.append(node)
        self._expression(node.func, scope, guards)
        self._expressions(node.args, scope, guards)
        for keyword in node.keywords:
            self._expression(keyword.value, scope, guards)

    def _named(self, node: ast.NamedExpr, scope: Scope, guards: frozenset[str]) -> None:
        self._expression(node.value, scope, guards)
        self._assign(node.target, node.value, _outside_comprehensions(scope), None)

    def _yield(self, node: ast.Yield | ast.YieldFrom, scope: Scope, guards: frozenset[str]) -> None:
        if node.value is not None:
            if scope.function:
                self.returned[scope.function].append(node.value)
            self._expression(node.value, scope, guards)

    def _lambda(self, node: ast.Lambda, scope: Scope, guards: frozenset[str]) -> None:
        self.defined_as[node] = _qualified(scope, "<lambda>")
        inner = self._inside(Scope("function", scope, self.defined_as[node], node))
        self._arguments(node.args, scope, inner, guards)
        self.returned[node].append(node.body)
        self._expression(node.body, inner, guards)

    def _comprehension(
        self,
        node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp,
        scope: Scope,
        guards: frozenset[str],
    ) -> None:
        inner = self._inside(Scope("function", scope, scope.name, scope.function, is_comprehension=True))
        for index, generator in enumerate(node.generators):
            self._expression(generator.iter, scope if index == 0 else inner, guards)
            self._assign(generator.target, generator.iter, inner, None)
            self._expressions(generator.ifs, inner, guards)
        parts = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        self._expressions(parts, inner, guards)

    # Bindings

    def _assign(self, target: ast.expr | None, value: ast.expr | None, scope: Scope, settled: Place | None) -> None:
        if isinstance(target, ast.Name):
            self.scope_of[target] = scope
            self.names.append(target)
            self._bind(scope, target.id, Binding(value, settled))
        elif isinstance(target, (ast.Tuple, ast.List)):
            for part, source in _unpacked(target, value):
                self._assign(part, source, scope, settled)
        elif isinstance(target, ast.Starred):
            self._assign(target.value, value, scope, settled)
        elif target is not None:
            self._expression(target, scope, NOTHING)
            if isinstance(target, ast.Attribute):
                self.attribute_sources[target.attr].append(value)
            elif isinstance(target, ast.Subscript):
                self._filled.append((scope, target.value, value))

    def _fill(self, scope: Scope, target: ast.expr, value: ast.expr | None) -> None:
        """What is put into a collection is one more thing that its name, or its attribute, may stand for."""
        target = _collection_of(target)
        if isinstance(target, ast.Attribute) and target.attr in self.attribute_sources:
            self.attribute_sources[target.attr].append(value)
        elif isinstance(target, ast.Name):
            at = binding_scope(scope, target.id)
            if at is not None:
                at.bindings[target.id].append(Binding(value, None))
                if at.kind == "class":
                    self.attribute_sources[target.id].append(value)

    def _bind(self, scope: Scope, name: str, binding: Binding) -> None:
        kind = scope.elsewhere.get(name)
        if kind == "nonlocal":
            self._nonlocals.append((scope, name, Binding(binding.source, None)))
        elif kind == "global":
            self.module.bindings[name].append(Binding(binding.source, None))
        else:
            scope.bindings[name].append(binding)
        if scope.kind == "class":
            self.attribute_sources[name].append(binding.source)


Statement = Callable[[Survey, Any, Scope, frozenset[str], bool], None]
Expression = Callable[[Survey, Any, Scope, frozenset[str]], None]

STATEMENTS: dict[type, Statement] = {
    **dict.fromkeys((ast.FunctionDef, ast.AsyncFunctionDef), Survey._function),
    **dict.fromkeys((ast.Import, ast.ImportFrom), Survey._import),
    **dict.fromkeys((ast.For, ast.AsyncFor), Survey._for),
    **dict.fromkeys((ast.If, ast.While), Survey._conditional),
    **dict.fromkeys((ast.With, ast.AsyncWith), Survey._with),
    **dict.fromkeys((ast.Try, ast.TryStar), Survey._try),
    **dict.fromkeys((ast.Global, ast.Nonlocal), Survey._elsewhere),
    ast.ClassDef: Survey._class,
    ast.Assign: Survey._assignment,
    ast.AnnAssign: Survey._annotated,
    ast.AugAssign: Survey._augmented,
    ast.Match: Survey._match,
    ast.Delete: Survey._delete,
    ast.Expr: Survey._bare,
}
EXPRESSIONS: dict[type, Expression] = {
    **dict.fromkeys((ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp), Survey._comprehension),
    **dict.fromkeys((ast.Yield, ast.YieldFrom), Survey._yield),
    **dict.fromkeys((ast.List, ast.Tuple, ast.Set), Survey._collection),
    ast.Name: Survey._name,
    ast.Attribute: Survey._attribute,
    ast.Constant: Survey._constant,
    ast.Call: Survey._call,
    ast.NamedExpr: Survey._named,
    ast.Lambda: Survey._lambda,
}


def given_to(node: ast.Call) -> list[ast.expr]:
    """Every value that a call is given."""
    return [*node.args, *(keyword.value for keyword in node.keywords)]


def _unpacked(target: ast.Tuple | ast.List, value: ast.expr | None) -> Iterator[tuple[ast.expr, ast.expr | None]]:
    """Each part of a target with its part of the value, or with all of it where it can't be told apart."""
    if isinstance(value, (ast.Tuple, ast.List)) and len(value.elts) == len(target.elts):
        starred = any(isinstance(part, ast.Starred) for part in [*value.elts, *target.elts])
        if not starred:
            yield from zip(target.elts, value.elts, strict=True)
            return
    for part in target.elts:
        yield part, value


def _collection_of(target: ast.expr) -> ast.expr:
    """Of `x["a"]` and `x.get("a")` it is x that holds what is put in."""
    while True:
        if isinstance(target, ast.Subscript):
            target = target.value
        elif isinstance(target, ast.Call) and isinstance(target.func, ast.Attribute) and target.func.attr in LOOKING_UP:
            target = target.func.value
        else:
            return target


def _end(node: ast.stmt) -> Place:
    return (node.end_lineno or node.lineno, node.end_col_offset or node.col_offset)


def _qualified(scope: Scope, name: str) -> str:
    return f"{scope.name}.{name}" if scope.name else name


def _outside_comprehensions(scope: Scope) -> Scope:
    while scope.is_comprehension and scope.parent is not None:
        scope = scope.parent
    return scope


def _enclosing(scope: Scope, name: str) -> Scope:
    """The function around `scope` that binds a nonlocal name."""
    at = scope.parent
    while at is not None and not (at.kind == "function" and name in at.bindings):
        at = at.parent
    return at or scope
