"""Texts that a source puts together from constants, worked out without running it: `"ev" + "al"`, f-strings, chr, join.

Only what a literal, a binding to one literal, or a pure method of one gives is followed, and nothing longer than
LONGEST; the steps are counted, so that no source keeps it busy.
"""

import ast
import re
from collections.abc import Callable, Mapping

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


class NotConstant(Exception):
    """The expression isn't one that folding follows."""


class Folding:
    """Folds expressions of one module."""

    def __init__(self, survey: Survey) -> None:
        self.survey = survey
        self._known: dict[ast.expr, Value | NotConstant] = {}
        self._steps = 0

    def text(self, node: ast.expr) -> str | None:
        """The text that an expression surely is, or None."""
        value = self._remembered(node)
        return value if isinstance(value, str) else None

    def _remembered(self, node: ast.expr) -> Value | NotConstant:
        if node not in self._known:
            try:
                self._known[node] = self._fold(node, {}, 0)
            except (NotConstant, ValueError, TypeError, IndexError, OverflowError, UnicodeError, LookupError) as error:
                self._known[node] = NotConstant(str(error))
        return self._known[node]

    def _fold(self, node: ast.expr, given: Mapping[str, Value], depth: int) -> Value:
        self._steps += 1
        if self._steps > STEPS or depth > DEEPEST:
            raise NotConstant
        value = self._value(node, given, lambda inner: self._fold(inner, given, depth + 1), depth)
        if isinstance(value, (str, bytes, list)) and len(value) > LONGEST:
            raise NotConstant
        if isinstance(value, int) and abs(value) > 1 << 64:
            raise NotConstant
        return value

    def _value(
        self, node: ast.expr, given: Mapping[str, Value], fold: Callable[[ast.expr], Value], depth: int
    ) -> Value:
        match node:
            case ast.Constant(value=str() | bytes() | int() | None as value):
                return value
            case ast.Name():
                return given[node.id] if node.id in given else self._bound(node, depth)
            case ast.JoinedStr() | ast.FormattedValue(format_spec=None):
                parts = node.values if isinstance(node, ast.JoinedStr) else [node.value]
                return "".join(map(_as_text, map(fold, parts)))
            case ast.Tuple() | ast.List():
                return [*map(fold, node.elts)]
            case ast.BinOp() | ast.UnaryOp():
                return _operation_of(node, fold)
            case ast.Subscript():
                return self._part(node, fold)
            case ast.ListComp() | ast.GeneratorExp():
                return self._comprehension(node, given, fold, depth)
            case ast.Call() if not node.keywords:
                return self._call(node, fold)
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

    def _part(self, node: ast.Subscript, fold: Callable[[ast.expr], Value]) -> Value:
        whole = fold(node.value)
        if not isinstance(whole, (str, bytes, list)):
            raise NotConstant
        if not isinstance(node.slice, ast.Slice):
            return whole[_number(fold(node.slice))]
        ends = [None if end is None else fold(end) for end in (node.slice.lower, node.slice.upper, node.slice.step)]
        return whole[slice(*(None if end is None else _number(end) for end in ends))]

    def _comprehension(
        self,
        node: ast.ListComp | ast.GeneratorExp,
        given: Mapping[str, Value],
        fold: Callable[[ast.expr], Value],
        depth: int,
    ) -> Value:
        if len(node.generators) != 1 or node.generators[0].ifs:
            raise NotConstant
        target = node.generators[0].target
        if not isinstance(target, ast.Name):
            raise NotConstant
        each = _elements(fold(node.generators[0].iter))
        return [self._fold(node.elt, {**given, target.id: value}, depth + 1) for value in each]

    def _call(self, node: ast.Call, fold: Callable[[ast.expr], Value]) -> Value:
        if isinstance(node.func, ast.Name):
            if node.func.id == "map" and len(node.args) == 2 and isinstance(node.args[0], ast.Name):
                name = node.args[0].id
                return [_builtin(name, [value]) for value in _elements(fold(node.args[1]))]
            return _builtin(node.func.id, [fold(argument) for argument in node.args])
        if isinstance(node.func, ast.Attribute):
            if isinstance(node.func.value, ast.Name) and node.func.value.id == "bytes" and node.func.attr == "fromhex":
                return bytes.fromhex(_as_text(fold(node.args[0])))
            return _method(fold(node.func.value), node.func.attr, [fold(argument) for argument in node.args])
        raise NotConstant


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


def _operation_of(node: ast.BinOp | ast.UnaryOp, fold: Callable[[ast.expr], Value]) -> Value:
    if isinstance(node, ast.BinOp):
        return _operation(node.op, fold(node.left), fold(node.right))
    if isinstance(node.op, ast.USub):
        return -_number(fold(node.operand))
    raise NotConstant


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
