"""What lies below a node of a syntax tree, by a table of fields: `ast.walk` asks every node for all that it has."""

import ast
from typing import Any

# Fields that hold no tree, or one that says nothing by itself: a context, an operator.
PLAIN = {"ctx", "op", "ops", "id", "attr", "arg", "name", "asname", "module", "level", "kind", "type_comment", "simple"}
PLAIN |= {"conversion", "is_async", "rest", "kwd_attrs", "tag", "lineno"}


def _kinds() -> list[type[ast.AST]]:
    return [each for each in vars(ast).values() if isinstance(each, type) and issubclass(each, ast.AST)]


CHILDREN: dict[type, tuple[str, ...]] = {
    kind: tuple(name for name in kind._fields if name not in PLAIN) for kind in _kinds()
}
CHILDREN |= {ast.Constant: (), ast.Global: (), ast.Nonlocal: (), ast.MatchSingleton: (), type(None): ()}


def nodes_in(tree: ast.AST) -> list[Any]:
    """The node and every node below it, breadth first, but for contexts and operators; None where one is left out."""
    found: list[Any] = [tree]
    for node in found:
        for name in CHILDREN[node.__class__]:
            value = getattr(node, name)
            if value.__class__ is list:
                found += value
            else:
                found.append(value)
    return found
