"""What a value is made of: names and attributes that surely stand in it, followed through everything that they may be.

Of a name with several bindings it is what all of them have in common. One that only adds to the name itself
(`path += "/x"`), an empty collection and None take nothing away. Attributes are followed by their names alone, and only
to paths that are made of `ctx.artifacts_dir`; of those, marks say what spoils them or has to be looked at elsewhere.
"""

import ast
import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

from prism_runner.carriers import GIVING_ANY, SETTING
from prism_runner.folding import Folding
from prism_runner.origins import UNKNOWN, Origins
from prism_runner.scopes import Scope, Source, binding_scope
from prism_runner.survey import Survey
from prism_runner.trees import CHILDREN, nodes_in

ARTIFACTS = "artifacts_dir"
# Marks begin with a dot, as no name does; `.x` is that of an attribute x which such a path comes through.
OUTSIDE = ".."  # a text that climbs, an absolute one that is joined on, a case with another value
HANDED = "."  # beside an attribute: the module's own calls hand it over
NOTHING: frozenset[str] = frozenset()
CLIMBING = re.compile(r"(?<!\.)\.\.(?!\.)")  # `...` is for einsum
EMPTY = {f"builtins.{name}" for name in ("dict", "list", "set", "tuple")}
JOINING = {"join", "joinpath", "Path", "PurePath"}

Key = tuple[Scope, str] | str  # a name and the scope that binds it, or an attribute


class Ingredients:
    """What the values of one module are made of."""

    def __init__(self, source: str, survey: Survey, folding: Folding, origins: Origins) -> None:
        self.survey, self.folding, self.origins = survey, folding, origins
        self._made: dict[ast.expr, frozenset[str]] = {}
        self._known: dict[Key, frozenset[str]] = {}
        self._gives_any = origins.gives_any or self._may_give_any(source)
        self._follows_attributes = ARTIFACTS in source

    def of(self, node: ast.expr) -> frozenset[str]:
        """What an expression mentions, and what all values of the names in it have in common."""
        made = self._made.get(node)
        if made is None:
            made = self._made[node] = self._mentioned(node)
        return made

    def marked(self, node: ast.expr) -> frozenset[str]:
        """What an argument is made of, with the marks of a path that is made of the artifacts' folder."""
        made = self.of(node)
        return made | self._marks(node) if ARTIFACTS in made else made

    def attributes(self) -> list[str]:
        """Attributes that the module gives to objects; `*` where it may give any."""
        return sorted({*self.survey.attribute_sources, *self.origins.given, *("*" if self._gives_any else "")})

    def _may_give_any(self, source: str) -> bool:
        """Whether a method that gives attributes stands there, other than called with their names."""
        text = source if source.isascii() else unicodedata.normalize("NFKC", source)  # as Python reads names
        if any(name in text for name in GIVING_ANY):
            return True
        called = [call.func.attr for call in self.survey.setting if isinstance(call.func, ast.Attribute)]
        return any(text.count(name) > called.count(name) for name in SETTING)

    # Names and attributes

    def _mentioned(self, node: ast.expr) -> frozenset[str]:
        found: set[str] = set()
        pending: list[Any] = [node]
        for at in pending:
            kind = at.__class__
            if kind is ast.Name:
                found.add(at.id)
                key = self._key(at)
                if key is not None:
                    found |= self._common(key)
            elif kind is ast.Attribute:
                found.add(at.attr)
                pending.append(at.value)
                if self._follows_attributes and self._is_followed(at):
                    found |= self._common(at.attr)
            elif kind is ast.Constant:
                if isinstance(at.value, str) and OUTSIDE in at.value and CLIMBING.search(at.value):
                    found.add(OUTSIDE)
            else:
                for name in CHILDREN[kind]:
                    below = getattr(at, name)
                    if below.__class__ is list:
                        pending += below
                    else:
                        pending.append(below)
        return frozenset(found)

    def _key(self, node: ast.AST) -> Key | None:
        if isinstance(node, ast.Name):
            scope = self.survey.scope_of.get(node)
            at = None if scope is None else binding_scope(scope, node.id)
            return None if at is None else (at, node.id)
        if isinstance(node, ast.Attribute) and self._follows_attributes and self._is_followed(node):
            return node.attr
        return None

    def _is_followed(self, node: ast.Attribute) -> bool:
        """Whether it is one that the module gives; those of another module aren't."""
        if node.attr not in self.survey.attribute_sources and node.attr not in self.origins.given:
            return False
        return all(not isinstance(each, str) or each == UNKNOWN for each in self.origins.of(node.value))

    def _sources_of(self, node: ast.expr) -> list[Source]:
        key = self._key(node)
        return [] if key is None else self._sources(key)

    def _sources(self, key: Key) -> list[Source]:
        if isinstance(key, str):
            return [*self.survey.attribute_sources.get(key, ()), *self.origins.given.get(key, ())]
        scope, name = key
        handed = self.origins.handed.get(key, ())
        return [*handed, *(each.source for each in scope.bindings[name] if each.source is not None or not handed)]

    def _common(self, key: Key) -> frozenset[str]:
        """What all values of a name are made of."""
        common = self._known.get(key)
        if common is None:
            self._known[key] = NOTHING  # for a value that depends on itself
            sources = self._sources(key)
            if len(sources) > 1:
                sources = [source for source in sources if not self._takes_nothing_away(source, key)]
            made = [self.of(source) if isinstance(source, ast.expr) else NOTHING for source in sources]
            common = frozenset.intersection(*made) if made else NOTHING
            if isinstance(key, str) and (self._gives_any or ARTIFACTS not in common):
                common = NOTHING
            self._known[key] = common
        return common

    # Bindings that leave a path what it is

    def _takes_nothing_away(self, source: Source, key: Key) -> bool:
        match source:
            case None:
                return isinstance(key, str)  # declared without a value
            case ast.Constant():
                return source.value is None
            case ast.List() | ast.Tuple() | ast.Set():
                return not source.elts
            case ast.Dict():
                return not source.values
            case ast.Call():
                return not source.args and self._is_empty(source)
            case ast.expr():
                return self._adds_to(source, key)
        return False

    def _is_empty(self, node: ast.Call) -> bool:
        """`dict()`, `field(default_factory=list)`."""
        if not node.keywords:
            return self.origins.of(node.func) <= EMPTY
        if self.origins.of(node.func) != {"dataclasses.field"}:
            return False
        values = [each.value for each in node.keywords]
        return all(
            value.value in (None, True, False) if isinstance(value, ast.Constant) else self.origins.of(value) <= EMPTY
            for value in values
        )

    def _adds_to(self, node: ast.expr, key: Key) -> bool:
        """`path + "/x"`, `path / x`, `f"{path}/x"` for `path`; a text stays one whatever it was put together of."""
        while True:
            match node:
                case ast.BinOp(left=left, op=ast.Div()):
                    node = left
                case ast.BinOp(left=left, op=ast.Add(), right=right) if self._is_text(right):
                    node = left
                case ast.JoinedStr(values=[ast.FormattedValue(value=first, conversion=-1, format_spec=None), *_]):
                    node = first
                case _:
                    return self._key(node) == key

    def _is_text(self, node: ast.expr) -> bool:
        sources = self._sources_of(node) or [node]
        return all(isinstance(each, ast.expr) and self._is_written_text(each) for each in sources)

    def _is_written_text(self, node: ast.expr) -> bool:
        match node:
            case ast.JoinedStr():
                return True
            case ast.BinOp(left=left, op=ast.Add(), right=right):  # a text takes nothing but texts
                return self._is_written_text(left) or self._is_written_text(right)
            case ast.BinOp(left=text, op=ast.Mod()) | ast.Call(func=ast.Attribute(value=text, attr="format" | "join")):
                return self._is_written_text(text)
            case ast.Call():
                return self.origins.of(node.func) == {"builtins.str"}
        return self.folding.text(node) is not None

    # Marks

    def _marks(self, node: ast.expr) -> frozenset[str]:
        """Those of everything that a path is put together of, near and far."""
        found: set[str] = set()
        seen: set[Key] = set()
        pending = [node]
        for at in pending:
            nodes = nodes_in(at)
            found.update(OUTSIDE for each in nodes if self._leads_out(each))
            for key in map(self._key, nodes):
                if key is not None and key not in seen:
                    seen.add(key)
                    sources = [each for each in self._sources(key) if isinstance(each, ast.expr)]
                    found |= self._marks_of(key, sources)
                    pending += sources
        return frozenset(found if found - {OUTSIDE, HANDED} else found - {HANDED})

    def _marks_of(self, key: Key, sources: Sequence[ast.expr]) -> set[str]:
        found: set[str] = set()
        if isinstance(key, str) and ARTIFACTS in self._common(key):
            found.add(f".{key}")
        if key in self.origins.handed or key in self.origins.fields:
            found.add(HANDED)
        name = key if isinstance(key, str) else key[1]
        if name == ARTIFACTS and not self._all_in_artifacts(sources):
            found.add(OUTSIDE)
        return found

    def _all_in_artifacts(self, nodes: Iterable[ast.expr]) -> bool:
        return all(ARTIFACTS in self.of(each) for each in nodes if not _is_none(each))

    def _leads_out(self, node: ast.AST) -> bool:
        text = self.folding.text(node) if isinstance(node, ast.expr) else None
        if text is not None:
            return CLIMBING.search(text) is not None
        match node:
            case ast.IfExp():
                return ARTIFACTS in self.of(node) and not self._all_in_artifacts([node.body, node.orelse])
            case ast.BoolOp():
                cases = node.values if isinstance(node.op, ast.Or) else node.values[-1:]
                return ARTIFACTS in self.of(node) and not self._all_in_artifacts(cases)
            case ast.BinOp(op=ast.Div()) if self._is_absolute(node.right):
                return True
            case ast.BinOp() | ast.JoinedStr():
                return ARTIFACTS in self.of(node) and self._is_absolute(node)
            case ast.Call(func=ast.Attribute(attr=name) | ast.Name(id=name)) if name in JOINING:
                return any(map(self._is_absolute, node.args))
        return False

    def _is_absolute(self, node: ast.expr) -> bool:
        """Whether it may begin with a text that begins with a slash."""
        while True:
            match node:
                case ast.BinOp(left=first) | ast.JoinedStr(values=[first, *_]) | ast.FormattedValue(value=first):
                    node = first
                case _:
                    break
        sources = self._sources_of(node)
        texts = [self.folding.text(each) for each in (node, *sources) if isinstance(each, ast.expr)]
        return any(text is not None and text.startswith("/") for text in texts)


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None
