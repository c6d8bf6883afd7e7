"""Which parameters and fields the arguments of a call may reach."""

import ast
from collections.abc import Sequence
from itertools import product

from prism_runner.scopes import Function


def reached(
    function: Function,
    is_bound: bool,
    arguments: Sequence[ast.expr],
    keywords: Sequence[ast.keyword],
    sure: int | None,
) -> list[tuple[str, ast.expr]]:
    """Parameters with what they may be given.

    So many arguments as are sure go by their place, all others anywhere behind; None: those before the first that is
    spread (`f(a, *b)`). A bound function has its first parameter already.
    """
    taken = function.args
    named = [each.arg for each in (*taken.posonlyargs, *taken.args)][1 if is_bound else 0 :]
    rest = [taken.vararg.arg] if taken.vararg else []
    if sure is None:
        sure = next((place for place, each in enumerate(arguments) if type(each) is ast.Starred), len(arguments))
    found = [*zip(named, arguments[:sure], strict=False)]
    found += product(rest, arguments[len(named) : sure])
    found += product([*named[sure:], *rest], arguments[sure:])
    if keywords:
        by_name = [*named, *(each.arg for each in taken.kwonlyargs)]
        others = [taken.kwarg.arg] if taken.kwarg else []
        for keyword in keywords:
            names = [keyword.arg] if keyword.arg in by_name else others if keyword.arg else [*by_name, *others]
            found += product(names, [keyword.value])
    return found


def fields_of(definition: ast.ClassDef) -> list[str]:
    """The fields that a class declares, as a dataclass does."""
    declared = (each.target for each in definition.body if isinstance(each, ast.AnnAssign))
    return [target.id for target in declared if isinstance(target, ast.Name)]


def initialiser_of(definition: ast.ClassDef) -> Function | None:
    """The class's own `__init__`."""
    methods = (each for each in definition.body if isinstance(each, ast.FunctionDef) and each.name == "__init__")
    return next(methods, None)
