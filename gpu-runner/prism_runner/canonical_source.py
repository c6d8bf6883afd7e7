"""The canonical source of a tree: the text of `ast.unparse`, written without its visitor, which takes most of the time.

What is rare (f-strings, lambdas, patterns) is left to `ast.unparse` itself; the tests hold the two against each other.
"""

import ast
from collections.abc import Callable
from typing import Any

# What binds more tightly has the larger number; a node in a place that wants more than it has stands in parentheses.
NAMED, TUPLE, YIELD, TEST, OR, AND, NOT, COMPARE = range(8)
OR_BITS, XOR_BITS, AND_BITS, SHIFT, SUM, TERM, FACTOR, POWER, AWAIT, ATOM = range(8, 18)

BINARY: dict[type[ast.operator], tuple[str, int]] = {
    **{ast.Add: (" + ", SUM), ast.Sub: (" - ", SUM), ast.Mult: (" * ", TERM), ast.MatMult: (" @ ", TERM)},
    **{ast.Div: (" / ", TERM), ast.Mod: (" % ", TERM), ast.FloorDiv: (" // ", TERM), ast.Pow: (" ** ", POWER)},
    **{ast.LShift: (" << ", SHIFT), ast.RShift: (" >> ", SHIFT)},
    **{ast.BitOr: (" | ", OR_BITS), ast.BitXor: (" ^ ", XOR_BITS), ast.BitAnd: (" & ", AND_BITS)},
}
UNARY: dict[type[ast.unaryop], tuple[str, int]] = {
    **{ast.Invert: ("~", FACTOR), ast.UAdd: ("+", FACTOR), ast.USub: ("-", FACTOR), ast.Not: ("not ", NOT)},
}
COMPARED: dict[type[ast.cmpop], str] = {
    **{ast.Eq: " == ", ast.NotEq: " != ", ast.Lt: " < ", ast.LtE: " <= ", ast.Gt: " > ", ast.GtE: " >= "},
    **{ast.Is: " is ", ast.IsNot: " is not ", ast.In: " in ", ast.NotIn: " not in "},
}
INFINITE = "1e309"  # how an infinite number is written


class Rare(Exception):
    """A statement that is left to `ast.unparse`."""


def canonical_source(tree: ast.Module) -> str:
    """The text of a tree without docstrings. Raises what `ast.unparse` raises."""
    lines: list[str] = []
    try:
        _statements(tree.body, "", lines)
        if _begins_with_text(tree.body):
            raise Rare
    except Rare:
        return ast.unparse(tree)
    return "\n".join(lines)


def _begins_with_text(body: list[ast.stmt]) -> bool:
    """`ast.unparse` takes such a string for a docstring, and writes it in another way."""
    first = body[0] if body else None
    value = first.value if isinstance(first, ast.Expr) else None
    return isinstance(value, ast.Constant) and isinstance(value.value, str)


# Statements


def _statements(body: list[ast.stmt], indent: str, lines: list[str]) -> None:
    for statement in body:
        simple = SIMPLE.get(type(statement))
        if simple is not None:
            lines.append(indent + simple(statement))
        else:
            _compound(statement, indent, lines)


def _compound(node: ast.stmt, indent: str, lines: list[str]) -> None:
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        _definition(node, indent, lines)
    elif isinstance(node, ast.If):
        _if(node, indent, lines)
    elif isinstance(node, ast.While):
        lines.append(f"{indent}while {_text(node.test)}:")
        _body(node.body, node.orelse, indent, lines)
    elif isinstance(node, (ast.For, ast.AsyncFor)):
        word = "for" if isinstance(node, ast.For) else "async for"
        lines.append(f"{indent}{word} {_text(node.target, TUPLE)} in {_text(node.iter)}:")
        _body(node.body, node.orelse, indent, lines)
    elif isinstance(node, (ast.With, ast.AsyncWith)):
        word = "with" if isinstance(node, ast.With) else "async with"
        lines.append(f"{indent}{word} {', '.join(map(_with_item, node.items))}:")
        _statements(node.body, indent + "    ", lines)
    elif isinstance(node, ast.Try):
        _try(node, indent, lines)
    else:
        raise Rare


def _definition(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef, indent: str, lines: list[str]) -> None:
    if _begins_with_text(node.body):
        raise Rare
    if lines:
        lines.append("")
    lines.extend(f"{indent}@{_text(each)}" for each in node.decorator_list)
    if isinstance(node, ast.ClassDef):
        given = f"({_arguments(node.bases, node.keywords)})" if node.bases or node.keywords else ""
        lines.append(f"{indent}class {node.name}{given}:")
    else:
        word = "def" if isinstance(node, ast.FunctionDef) else "async def"
        returns = f" -> {_text(node.returns)}" if node.returns else ""
        lines.append(f"{indent}{word} {node.name}({_parameters(node.args)}){returns}:")
    _statements(node.body, indent + "    ", lines)


def _body(body: list[ast.stmt], orelse: list[ast.stmt], indent: str, lines: list[str]) -> None:
    _statements(body, indent + "    ", lines)
    if orelse:
        lines.append(f"{indent}else:")
        _statements(orelse, indent + "    ", lines)


def _if(node: ast.If, indent: str, lines: list[str]) -> None:
    lines.append(f"{indent}if {_text(node.test)}:")
    while len(node.orelse) == 1 and isinstance(node.orelse[0], ast.If):
        _statements(node.body, indent + "    ", lines)
        node = node.orelse[0]
        lines.append(f"{indent}elif {_text(node.test)}:")
    _body(node.body, node.orelse, indent, lines)


def _try(node: ast.Try, indent: str, lines: list[str]) -> None:
    lines.append(f"{indent}try:")
    _statements(node.body, indent + "    ", lines)
    for handler in node.handlers:
        caught = f" {_text(handler.type)}" if handler.type else ""
        lines.append(f"{indent}except{caught}{f' as {handler.name}' if handler.name else ''}:")
        _statements(handler.body, indent + "    ", lines)
    for word, body in (("else", node.orelse), ("finally", node.finalbody)):
        if body:
            lines.append(f"{indent}{word}:")
            _statements(body, indent + "    ", lines)


def _with_item(node: ast.withitem) -> str:
    return _text(node.context_expr) + (f" as {_text(node.optional_vars)}" if node.optional_vars else "")


def _parameters(node: ast.arguments) -> str:
    plain = [*node.posonlyargs, *node.args]
    defaults = [*[None] * (len(plain) - len(node.defaults)), *node.defaults]
    written = [_parameter(each, default) for each, default in zip(plain, defaults, strict=True)]
    if node.posonlyargs:
        written.insert(len(node.posonlyargs), "/")
    if node.vararg or node.kwonlyargs:
        written.append("*" + (_parameter(node.vararg, None) if node.vararg else ""))
    written += [_parameter(*each) for each in zip(node.kwonlyargs, node.kw_defaults, strict=True)]
    if node.kwarg:
        written.append("**" + _parameter(node.kwarg, None))
    return ", ".join(written)


def _parameter(node: ast.arg, default: ast.expr | None) -> str:
    name = f"{node.arg}: {_text(node.annotation)}" if node.annotation else node.arg
    return f"{name}={_text(default)}" if default else name


def _assignment(node: ast.Assign) -> str:
    return "".join([_text(target, TUPLE) + " = " for target in node.targets]) + _text(node.value)


def _annotated(node: ast.AnnAssign) -> str:
    target = _text(node.target)
    if not node.simple and isinstance(node.target, ast.Name):
        target = f"({target})"
    return f"{target}: {_text(node.annotation)}" + (f" = {_text(node.value)}" if node.value else "")


def _augmented(node: ast.AugAssign) -> str:
    return f"{_text(node.target)}{BINARY[type(node.op)][0].rstrip()}= {_text(node.value)}"


def _return(node: ast.Return) -> str:
    return f"return {_text(node.value)}" if node.value else "return"


def _raise(node: ast.Raise) -> str:
    cause = f" from {_text(node.cause)}" if node.cause else ""
    return f"raise {_text(node.exc)}{cause}" if node.exc else "raise"


def _assert(node: ast.Assert) -> str:
    return f"assert {_text(node.test)}" + (f", {_text(node.msg)}" if node.msg else "")


def _import_from(node: ast.ImportFrom) -> str:
    return f"from {'.' * (node.level or 0)}{node.module or ''} import {_aliases(node.names)}"


def _aliases(names: list[ast.alias]) -> str:
    return ", ".join([f"{each.name} as {each.asname}" if each.asname else each.name for each in names])


SIMPLE: dict[type, Callable[[Any], str]] = {
    ast.Assign: _assignment,
    ast.AnnAssign: _annotated,
    ast.AugAssign: _augmented,
    ast.Return: _return,
    ast.Raise: _raise,
    ast.Assert: _assert,
    ast.ImportFrom: _import_from,
    ast.Import: lambda node: "import " + _aliases(node.names),
    ast.Expr: lambda node: _text(node.value, YIELD),
    ast.Delete: lambda node: "del " + _texts(node.targets),
    ast.Global: lambda node: "global " + ", ".join(node.names),
    ast.Nonlocal: lambda node: "nonlocal " + ", ".join(node.names),
    ast.Pass: lambda node: "pass",
    ast.Break: lambda node: "break",
    ast.Continue: lambda node: "continue",
}


# Expressions


def _text(node: ast.expr, wanted: int = TEST) -> str:
    """An expression in a place that wants so much."""
    if isinstance(node, ast.Name):
        return node.id
    write = EXPRESSIONS.get(type(node))
    return write(node, wanted) if write is not None else ast.unparse(node)


def _texts(nodes: list[ast.expr]) -> str:
    return ", ".join([_text(each) for each in nodes])


def _within(text: str, own: int, wanted: int) -> str:
    return f"({text})" if wanted > own else text


def _attribute(node: ast.Attribute, _: int) -> str:
    value = node.value
    is_integer = isinstance(value, ast.Constant) and isinstance(value.value, int)
    return f"{_text(value, ATOM)}{' .' if is_integer else '.'}{node.attr}"


def _constant(node: ast.Constant, _: int) -> str:
    value = node.value
    if value is ...:
        return "..."
    written = repr(value)
    if isinstance(value, (float, complex)):
        return written.replace("inf", INFINITE).replace("nan", f"({INFINITE}-{INFINITE})")
    return f"u{written}" if node.kind == "u" else written


def _call(node: ast.Call, _: int) -> str:
    return f"{_text(node.func, ATOM)}({_arguments(node.args, node.keywords)})"


def _arguments(positional: list[ast.expr], keywords: list[ast.keyword]) -> str:
    written = [_text(each) for each in positional]
    written += [f"{each.arg}={_text(each.value)}" if each.arg else f"**{_text(each.value)}" for each in keywords]
    return ", ".join(written)


def _subscript(node: ast.Subscript, _: int) -> str:
    inside = node.slice
    part = _items(inside.elts) if isinstance(inside, ast.Tuple) and inside.elts else _text(inside)
    return f"{_text(node.value, ATOM)}[{part}]"


def _items(nodes: list[ast.expr]) -> str:
    return f"{_text(nodes[0])}," if len(nodes) == 1 else _texts(nodes)


def _slice(node: ast.Slice, _: int) -> str:
    lower, upper = (_text(each) if each else "" for each in (node.lower, node.upper))
    return f"{lower}:{upper}" + (f":{_text(node.step)}" if node.step else "")


def _binary(node: ast.BinOp, wanted: int) -> str:
    sign, own = BINARY[type(node.op)]
    left, right = (own + 1, own) if own == POWER else (own, own + 1)
    return _within(f"{_text(node.left, left)}{sign}{_text(node.right, right)}", own, wanted)


def _unary(node: ast.UnaryOp, wanted: int) -> str:
    sign, own = UNARY[type(node.op)]
    return _within(sign + _text(node.operand, own), own, wanted)


def _compare(node: ast.Compare, wanted: int) -> str:
    pairs = zip(node.ops, node.comparators, strict=True)
    rest = "".join([COMPARED[type(sign)] + _text(each, OR_BITS) for sign, each in pairs])
    return _within(_text(node.left, OR_BITS) + rest, COMPARE, wanted)


def _boolean(node: ast.BoolOp, wanted: int) -> str:
    word, own = (" and ", AND) if isinstance(node.op, ast.And) else (" or ", OR)
    # Each value wants more than the one before it, up to the most.
    values = [_text(each, min(own + at, ATOM)) for at, each in enumerate(node.values, 1)]
    return _within(word.join(values), own, wanted)


def _if_else(node: ast.IfExp, wanted: int) -> str:
    return _within(f"{_text(node.body, OR)} if {_text(node.test, OR)} else {_text(node.orelse)}", TEST, wanted)


def _tuple(node: ast.Tuple, wanted: int) -> str:
    if not node.elts:
        return "()"
    return _within(_items(node.elts), TUPLE, wanted)


def _dict(node: ast.Dict, _: int) -> str:
    pairs = zip(node.keys, node.values, strict=True)
    written = [f"{_text(key)}: {_text(value)}" if key else f"**{_text(value, OR_BITS)}" for key, value in pairs]
    return f"{{{', '.join(written)}}}"


def _generators(generators: list[ast.comprehension]) -> str:
    written = ""
    for each in generators:
        word = " async for " if each.is_async else " for "
        tests = "".join([f" if {_text(test, OR)}" for test in each.ifs])
        written += f"{word}{_text(each.target, TUPLE)} in {_text(each.iter, OR)}{tests}"
    return written


def _named(node: ast.NamedExpr, wanted: int) -> str:
    return _within(f"{_text(node.target, ATOM)} := {_text(node.value, ATOM)}", NAMED, wanted)


def _yield(node: ast.Yield, wanted: int) -> str:
    return _within(f"yield {_text(node.value, ATOM)}" if node.value else "yield", YIELD, wanted)


EXPRESSIONS: dict[type, Callable[[Any, int], str]] = {
    ast.Attribute: _attribute,
    ast.Constant: _constant,
    ast.Call: _call,
    ast.Subscript: _subscript,
    ast.Slice: _slice,
    ast.BinOp: _binary,
    ast.UnaryOp: _unary,
    ast.Compare: _compare,
    ast.BoolOp: _boolean,
    ast.IfExp: _if_else,
    ast.Tuple: _tuple,
    ast.Dict: _dict,
    ast.NamedExpr: _named,
    ast.Yield: _yield,
    ast.YieldFrom: lambda node, wanted: _within(f"yield from {_text(node.value, ATOM)}", YIELD, wanted),
    ast.Await: lambda node, wanted: _within(f"await {_text(node.value, ATOM)}", AWAIT, wanted),
    ast.Starred: lambda node, _: f"*{_text(node.value, OR_BITS)}",
    ast.List: lambda node, _: f"[{_texts(node.elts)}]",
    ast.Set: lambda node, _: f"{{{_texts(node.elts)}}}",
    ast.ListComp: lambda node, _: f"[{_text(node.elt)}{_generators(node.generators)}]",
    ast.GeneratorExp: lambda node, _: f"({_text(node.elt)}{_generators(node.generators)})",
    ast.SetComp: lambda node, _: f"{{{_text(node.elt)}{_generators(node.generators)}}}",
    ast.DictComp: lambda node, _: f"{{{_text(node.key)}: {_text(node.value)}{_generators(node.generators)}}}",
    ast.Lambda: lambda node, wanted: _within(ast.unparse(node), TEST, wanted),
}
