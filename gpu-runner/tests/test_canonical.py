"""What doesn't change the canonical form, and how little renaming, reordering and dead code change the shingles."""

import ast
import random
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import prism_runner
from prism_runner.canonical_source import canonical_source
from prism_runner.inspect_module import inspect_source, remove_docstrings
from prism_runner.survey import Survey

# Real modules of some size: whatever Python people write, in one style.
SOURCES = sorted(
    path.read_text() for path in Path(prism_runner.__file__).parent.glob("*.py") if path.stat().st_size > 3_000
)
sources, seeds = st.sampled_from(SOURCES), st.integers(0, 1 << 32)


def facts(source: str) -> dict[str, Any]:
    found = inspect_source("m.py", source.encode(), frozenset(["m.py"]))
    assert found["error"] is None
    return dict(found)


def listed(shingles: str) -> list[str]:
    return [shingles[at : at + 16] for at in range(0, len(shingles), 16)]


def shingles(source: str) -> set[str]:
    return {each for definition in facts(source)["definitions"] for each in listed(definition["shingles"])}


def jaccard(left: str, right: str) -> float:
    a, b = shingles(left), shingles(right)
    return len(a & b) / len(a | b)


def definitions_end(source: str) -> list[int]:
    """Lines behind which a statement of the module ends."""
    return [statement.end_lineno or 1 for statement in ast.parse(source).body]


@given(sources, seeds)
def test_comments_blank_lines_and_docstrings_leave_the_canonical_hash_alone(source: str, seed: int) -> None:
    chance = random.Random(seed)
    lines = source.split("\n")
    for end in reversed(definitions_end(source)):
        lines[end:end] = chance.choice([[], ["# a comment"], ["", "", ""], ["    # indented"], ["#" * 200, ""]])
    changed = ast.parse("\n".join(lines))
    definitions = [node for node in ast.walk(changed) if isinstance(node, (ast.FunctionDef, ast.ClassDef))]
    for node in definitions:
        if ast.get_docstring(node) is None and chance.random() < 0.5:
            node.body.insert(0, ast.Expr(ast.Constant("What it does.")))
    documented = ast.unparse(ast.fix_missing_locations(changed))
    hashes = {facts(each)["canonicalHash"] for each in (source, "\n".join(lines), documented)}
    assert len(hashes) == 1


@pytest.mark.parametrize("source", SOURCES)
def test_another_formatting_leaves_canonical_form_and_shingles_alone(source: str) -> None:
    written, again = facts(source), facts(ast.unparse(ast.parse(source)))
    assert written["canonicalSource"] == again["canonicalSource"]
    assert written["definitions"] == again["definitions"]


class Renamed(ast.NodeTransformer):
    """Every function, class, parameter, variable and own attribute of a module under another name; no foreign one."""

    def __init__(self, tree: ast.Module) -> None:
        nodes = [*ast.walk(tree)]
        members = [each for node in nodes if isinstance(node, ast.ClassDef) for each in node.body]
        variables = {node.name for node in nodes if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
        variables |= {node.arg for node in nodes if isinstance(node, ast.arg)}
        variables |= {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
        imports = [alias for node in nodes if isinstance(node, (ast.Import, ast.ImportFrom)) for alias in node.names]
        self.imported = {(alias.asname or alias.name).partition(".")[0] for alias in imports}
        variables -= self.imported
        calls = [node for node in nodes if isinstance(node, ast.Call) and self.is_foreign(node.func)]
        foreign = [node for node in nodes if isinstance(node, ast.Attribute) and self.is_foreign(node)]
        self.kept: set[ast.AST] = {*foreign, *(keyword for call in calls for keyword in call.keywords)}
        stored = [node for node in nodes if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)]
        attributes = {node.attr for node in stored if isinstance(node.value, ast.Name) and node.value.id == "self"}
        attributes |= {member.name for member in members if isinstance(member, ast.FunctionDef)}
        named = [target for member in members for target in assigned(member)]
        attributes |= {target.id for target in named if isinstance(target, ast.Name)}
        self.variables, self.attributes = own_names(variables), own_names(attributes)

    def is_foreign(self, node: ast.expr) -> bool:
        while isinstance(node, ast.Attribute):
            node = node.value
        return isinstance(node, ast.Name) and node.id in self.imported

    def visit(self, node: ast.AST) -> ast.AST:
        for field in () if node in self.kept else ("id", "arg", "name", "attr"):
            names = self.attributes if field == "attr" else self.variables
            name = getattr(node, field, None)
            if isinstance(name, str) and name in names and not isinstance(node, ast.alias):
                setattr(node, field, names[name])
        return self.generic_visit(node)


def assigned(statement: ast.stmt) -> list[ast.expr]:
    if isinstance(statement, ast.AnnAssign):
        return [statement.target]
    return statement.targets if isinstance(statement, ast.Assign) else []


def own_names(names: set[str]) -> dict[str, str]:
    return {name: f"own_{name}" for name in sorted(names) if not name.startswith("__")}


@pytest.mark.parametrize("source", SOURCES)
def test_renaming_everything_leaves_most_of_the_shingles(source: str) -> None:
    tree = ast.parse(source)
    renamed = ast.unparse(Renamed(tree).visit(tree))
    assert facts(renamed)["canonicalHash"] != facts(source)["canonicalHash"]
    assert jaccard(source, renamed) >= 0.85


@given(sources, seeds)
def test_reordering_definitions_leaves_the_shingles(source: str, seed: int) -> None:
    tree = ast.parse(source)
    places = [at for at, node in enumerate(tree.body) if isinstance(node, (ast.FunctionDef, ast.ClassDef))]
    moved = [tree.body[at] for at in places]
    random.Random(seed).shuffle(moved)
    for at, node in zip(places, moved, strict=True):
        tree.body[at] = node
    assert jaccard(source, ast.unparse(tree)) >= 0.97


DEAD = """
def never_called(value, other=3):
    total = [each * other for each in range(value)]
    while total:
        total.pop()
    return {"a": total, "b": value}
"""


@given(sources, seeds)
def test_dead_code_only_adds(source: str, seed: int) -> None:
    tree = ast.parse(source)
    tree.body.insert(random.Random(seed).randrange(len(tree.body), len(tree.body) + 1), ast.parse(DEAD).body[0])
    before, after = shingles(source), shingles(ast.unparse(tree))
    assert len(before & after) / len(before) >= 0.97


def test_different_modules_share_little() -> None:
    assert max(jaccard(left, right) for left, right in pairwise(SOURCES)) < 0.3


def test_a_definition_has_each_shingle_once_and_in_sixteen_hexadecimal_digits() -> None:
    definitions = facts(SOURCES[0])["definitions"]
    assert len(definitions) > 1
    for each in definitions:
        assert re.fullmatch("([0-9a-f]{16})*", each["shingles"])
        assert len({*listed(each["shingles"])}) == len(listed(each["shingles"]))


def test_of_a_large_module_the_smallest_shingles_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    every = facts(SOURCES[0])["definitions"]
    smallest = sorted(shingles(SOURCES[0]))[:50]
    monkeypatch.setattr("prism_runner.shingles.MOST_SHINGLES", 50)
    for whole, cut in zip(every, facts(SOURCES[0])["definitions"], strict=True):
        assert cut["name"] == whole["name"]
        assert listed(cut["shingles"]) == [each for each in listed(whole["shingles"]) if each in smallest]


LIBRARY = sorted(path for path in Path(ast.__file__).parent.glob("*.py") if path.stat().st_size < 40_000)
STATEMENTS = """\
x = (y := 1) + 2 if not a else -b ** -c
x: int = 1; (y): str; z.w: float = 1e999
a, (b, *c) = *d, e = f, = g
a[1:2, ::3, ...], a[b,], a[()], a[*b], a[(c := 1)] = 1j, -1e999, (), [], {}
del a, b[0], (c, d)
x @= y << 1 | 2 ^ 3 & ~4
a < b <= (c != d) is not e not in f in g
(a and b or c) and (d or e) and not (f == g)
(a ** b) ** c ** d, -(-a), (await_)(b)(c), 1 .real, 1.5.imag, (-1).real
f(*a, b, *c, d=e, **g)(i for i in j if k if l)(**{**m, n: o})
[i async for i in j], {i: j for i, j in k}, {i for (i, j) in k}, (lambda: (yield))
lambda a, /, b=1, *c, d, e=2, **f: (a, b)
f'{a!r:>{b}}' 'c' f"{d['e']}", b'\\x00', 'it\\'s "both"', u'old', '\\ud800'
assert a, b
raise
raise A from (yield)
from . import a as b, c
from ..d.e import *
import f.g as h, i
global j, k
if a: pass
elif b: x
else:
    if c: pass
    elif d: pass
if a: pass
else:
    if b: pass
    x
while a: break
else: continue
for a, b in c, d: pass
else: pass
with a as b, (c, d) as e, f(): pass
try: pass
except (A, B) as c: pass
except: raise
else: pass
finally: pass
try: pass
except* A: pass
match a:
    case [1, *_] | {'b': c, **d} if e: pass
    case F(g, h=-1) as i: pass
@a.b
@c(d)
class E(F, *G, metaclass=H): i: int
class J: 'it'; pass
async def k(l: m, n=o, /, p: q = r, *s: t, u, v=w, **x: y) -> z:
    'it'; 'and more'
    async with a: await b
    async for c in d: yield
    yield from (e, f)
def g(*, h): return
def i(): nonlocal_ = 1; return 1, 2
"""


def assert_written_like_unparse(tree: ast.Module) -> None:
    remove_docstrings(tree, Survey(tree, "m.py", frozenset(["m.py"])))
    assert canonical_source(tree) == ast.unparse(tree)


@pytest.mark.parametrize("statement", ast.parse(STATEMENTS).body, ids=lambda each: f"line {each.lineno}")
def test_a_statement_is_written_as_unparse_writes_it(statement: ast.stmt) -> None:
    assert_written_like_unparse(ast.Module([statement], []))


@pytest.mark.parametrize("path", LIBRARY, ids=lambda path: path.name)
def test_a_module_is_written_as_unparse_writes_it(path: Path) -> None:
    assert_written_like_unparse(ast.parse(path.read_bytes()))
