"""Texts that a source puts together from constants, worked out without running it: `"ev" + "al"`, f-strings, chr, join.

Only what a literal, a binding to one literal, or a pure method of one gives is followed, and nothing longer than
LONGEST; the steps are counted, so that no source keeps it busy.
"""

import ast
import re
from collections.abc import Callable, Mapping
from typing import Any

from prism_runner.scopes import Scope
from prism_runner.survey import Survey

Value = str | bytes | int | None | list["Value"]
LONGEST = 4096
STEPS = 200_000  # for a module
DEEPEST = 60

PLAIN_PERCENT = re.compile(r"(?:[^%]|%%|%[scd])*", re.DOTALL)
PLAIN_BRACES = re.compile(r"(?:[^{}]|\{\{|\}\}|\{\d{0,2}\})*", re.DOTALL)
TEXT_METHODS = {"lower", "upper", "strip", "lstrip", "rstrip", "title", "swapcase", "casefold", "capitalize"}
TEXT_METHODS |= {"replace", "removeprefix", "removesuffix", "split", "encode"}
METHODS = TEXT_METHODS | {"join", "format", "decode", "fromhex"}
OPERATORS = {ast.Add, ast.Sub, ast.Mult, ast.Mod, ast.BitXor}
FUNCTIONS = {"map", "chr", "ord", "str", "bytes", "bytearray", "list", "tuple", "reversed"}


class NotConstant(Exception):
    """The expression isn't one that folding follows."""


class Folding:
    """Folds expressions of one module."""

    def __init__(self, survey: Survey) -> None:
        self.survey = survey
        self._known: dict[ast.expr, Value] = {}
        self._steps = 0

    def text(self, node: ast.expr) -> str | None:
        """The text that an expression surely is, or None."""
        if not _may_fold(node):
            return None
        if node not in self._known:
            try:
                self._known[node] = self._fold(node, {}, 0)
            except (NotConstant, ValueError, TypeError, IndexError, OverflowError, UnicodeError, LookupError):
                self._known[node] = None
        value = self._known[node]
        return value if isinstance(value, str) else None

    def _fold(self, node: ast.expr, given: Mapping[str, Value], depth: int) -> Value:
        self._steps += 1
        if self._steps > STEPS or depth > DEEPEST or not _may_fold(node):
            raise NotConstant
        value = FOLDED[type(node)](self, node, given, depth)
        if isinstance(value, (str, bytes, list)) and len(value) > LONGEST:
            raise NotConstant
        if isinstance(value, int) and abs(value) > 1 << 64:
            raise NotConstant
        return value

    def _all(self, nodes: list[ast.expr], given: Mapping[str, Value], depth: int) -> list[Value]:
        return [self._fold(node, given, depth + 1) for node in nodes]

    def _name(self, node: ast.Name, given: Mapping[str, Value], depth: int) -> Value:
        return given[node.id] if node.id in given else self._bound(node, depth)

    def _joined(self, node: ast.JoinedStr, given: Mapping[str, Value], depth: int) -> Value:
        return "".join(map(_as_text, self._all(node.values, given, depth)))

    def _formatted(self, node: ast.FormattedValue, given: Mapping[str, Value], depth: int) -> Value:
        if node.format_spec is not None:
            raise NotConstant
        return _as_text(self._fold(node.value, given, depth + 1))

    def _elements_of(self, node: ast.Tuple | ast.List, given: Mapping[str, Value], depth: int) -> Value:
        return self._all(node.elts, given, depth)

    def _combined(self, node: ast.BinOp, given: Mapping[str, Value], depth: int) -> Value:
        left, right = self._all([node.left, node.right], given, depth)
        return _operation(node.op, left, right)

    def _negated(self, node: ast.UnaryOp, given: Mapping[str, Value], depth: int) -> Value:
        if isinstance(node.op, ast.USub):
            return -_number(self._fold(node.operand, given, depth + 1))
        raise NotConstant

    def _bound(self, node: ast.Name, depth: int) -> Value:
        """A name that is bound once, to an expression that folds."""
        at: Scope | None = self.survey.scope_of.get(node)
        while at is not None and (node.id not in at.bindings):
            at = at.parent
        if at is None or len(at.bindings[node.id]) != 1:
            raise NotConstant
        source = at.bindings[node.id][0].source
        if not isinstance(source, ast.expr):
            raise NotConstant
        return self._fold(source, {}, depth + 1)

    def _part(self, node: ast.Subscript, given: Mapping[str, Value], depth: int) -> Value:
        whole = self._fold(node.value, given, depth + 1)
        if not isinstance(whole, (str, bytes, list)):
            raise NotConstant
        if not isinstance(node.slice, ast.Slice):
            return whole[_number(self._fold(node.slice, given, depth + 1))]
        parts = (node.slice.lower, node.slice.upper, node.slice.step)
        ends = [None if part is None else self._fold(part, given, depth + 1) for part in parts]
        return whole[slice(*(None if end is None else _number(end) for end in ends))]

    def _comprehension(self, node: ast.ListComp | ast.GeneratorExp, given: Mapping[str, Value], depth: int) -> Value:
        if len(node.generators) != 1 or node.generators[0].ifs:
            raise NotConstant
        target = node.generators[0].target
        if not isinstance(target, ast.Name):
            raise NotConstant
        each = _elements(self._fold(node.generators[0].iter, given, depth + 1))
        return [self._fold(node.elt, {**given, target.id: value}, depth + 1) for value in each]

    def _call(self, node: ast.Call, given: Mapping[str, Value], depth: int) -> Value:
        if isinstance(node.func, ast.Name):
            if node.func.id == "map" and len(node.args) == 2 and isinstance(node.args[0], ast.Name):
                name = node.args[0].id
                return [_builtin(name, [value]) for value in _elements(self._fold(node.args[1], given, depth + 1))]
            return _builtin(node.func.id, self._all(node.args, given, depth))
        if isinstance(node.func, ast.Attribute):
            if isinstance(node.func.value, ast.Name) and node.func.value.id == "bytes" and node.func.attr == "fromhex":
                return bytes.fromhex(_as_text(self._fold(node.args[0], given, depth + 1)))
            value, *arguments = self._all([node.func.value, *node.args], given, depth)
            return _method(value, node.func.attr, arguments)
        raise NotConstant


FOLDED: dict[type, Callable[[Folding, Any, Mapping[str, Value], int], Value]] = {
    **dict.fromkeys((ast.Tuple, ast.List), Folding._elements_of),
    **dict.fromkeys((ast.ListComp, ast.GeneratorExp), Folding._comprehension),
    ast.Constant: lambda _, node, __, ___: node.value,
    ast.Name: Folding._name,
    ast.JoinedStr: Folding._joined,
    ast.FormattedValue: Folding._formatted,
    ast.BinOp: Folding._combined,
    ast.UnaryOp: Folding._negated,
    ast.Subscript: Folding._part,
    ast.Call: Folding._call,
}


def _may_fold(node: ast.expr) -> bool:
    """Whether folding follows such an expression; most calls it doesn't, whatever they are given."""
    if isinstance(node, ast.Call):
        function = node.func
        named = isinstance(function, ast.Name) and function.id in FUNCTIONS
        return not node.keywords and (named or (isinstance(function, ast.Attribute) and function.attr in METHODS))
    if isinstance(node, ast.Constant):
        return node.value is None or isinstance(node.value, (str, bytes, int))
    if isinstance(node, ast.BinOp):
        return type(node.op) in OPERATORS
    return type(node) in FOLDED


def _builtin(name: str, arguments: list[Value]) -> Value:
    match name, arguments:
        case "chr", [int(code)]:
            return chr(code)
        case "ord", [str(character)]:
            return ord(character)
        case "str", [str() | int() as value]:
            return str(value)
        case "str", [bytes(raw), str(encoding)]:
            return _decoded(raw, encoding)
        case (("bytes" | "bytearray"), [list(codes)]):
            return bytes(_number(code) for code in codes)
        case (("list" | "tuple"), [value]):
            return _elements(value)
        case "reversed", [value]:
            return _elements(value)[::-1]
    raise NotConstant


def _method(value: Value, name: str, arguments: list[Value]) -> Value:
    if isinstance(value, str):
        if name == "join" and len(arguments) == 1:
            return value.join(_as_text(part) for part in _elements(arguments[0]))
        if name == "format" and PLAIN_BRACES.fullmatch(value):
            return value.format(*(_as_text(argument) for argument in arguments))
        texts = [argument for argument in arguments if isinstance(argument, str)]
        if name in TEXT_METHODS and len(texts) == len(arguments):
            result: Value = getattr(value, name)(*texts)
            return result
    if isinstance(value, bytes) and name == "decode":
        return _decoded(value, *(_as_text(argument) for argument in arguments))
    raise NotConstant


def _decoded(raw: bytes, encoding: str = "utf-8") -> str:
    if encoding.lower().replace("_", "-") not in ("utf-8", "utf8", "ascii", "latin-1", "latin1"):
        raise NotConstant
    return raw.decode(encoding)


def _operation(operator: ast.operator, left: Value, right: Value) -> Value:
    match operator, left, right:
        case ast.Add(), str(), str():
            return left + right
        case ast.Add(), bytes(), bytes():
            return left + right
        case ast.Add(), list(), list():
            return left + right
        case ast.Mult(), (str() | bytes() | list()), int() if len(left) * right <= LONGEST:
            return left * right
        case ast.Mod(), str(), _ if PLAIN_PERCENT.fullmatch(left):
            return left % (tuple(right) if isinstance(right, list) else right)
        case ((ast.Add() | ast.Sub() | ast.Mult() | ast.BitXor()), int(), int()):
            if isinstance(operator, ast.Add):
                return left + right
            if isinstance(operator, ast.Sub):
                return left - right
            return left * right if isinstance(operator, ast.Mult) else left ^ right
    raise NotConstant


def _elements(value: Value) -> list[Value]:
    if isinstance(value, (str, bytes, list)):
        return [*value]
    raise NotConstant


def _number(value: Value) -> int:
    if isinstance(value, int):
        return value
    raise NotConstant


def _as_text(value: Value) -> str:
    if isinstance(value, (str, int)):
        return str(value)
    raise NotConstant
