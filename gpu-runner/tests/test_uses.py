"""Where names lead, what calls are made with, and what is too much."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from prism_runner import uses
from prism_runner.inspect_module import inspect_source
from prism_runner.uses import PLACES


def facts(source: str, path: str = "m.py", *others: str) -> dict[str, Any]:
    found = inspect_source(path, source.encode(), frozenset([path, *others]))
    assert found["error"] is None, found["error"]
    return dict(found)


def names(source: str, path: str = "m.py", *others: str) -> list[str]:
    return [use["name"] for use in facts(source, path, *others)["uses"]]


def error(source: str) -> str:
    found = inspect_source("m.py", source.encode(), frozenset())["error"]
    assert found is not None
    return found["message"]


FOLLOWED = {
    "import": "import torch.hub",
    "import as": "import torch.hub as h\nh",
    "from": "from torch import hub as h\nh",
    "variable": "import torch\nt = u = torch\nu.hub",
    "unpacking": "import torch\na, (b, *c) = 1, (2, torch)\nc.hub",
    "attribute": "import torch\nclass A: pass\nA.t = torch\nx.t.hub",
    "parameter": "import torch\ndef f(x, t): return t.hub\nf(1, t=torch)",
    "method": "import torch\nclass A:\n  def f(self, t): return t.hub\nA().f(torch)",
    "constructor": "import torch\nclass A:\n  def __init__(self, t): t.hub\nA(torch)",
    "result": "import torch\ndef f():\n  if x: return 1\n  return torch\nf().hub",
    "generator": "import torch\ndef f(): yield torch\nnext(f()).hub",
    "collection": "import torch\n{'a': [torch]}['a'][0].hub",
    "collection that is changed": "import torch\nd = {}\nd[1] = torch\nd[1].hub",
    "loop": "import torch\nfor t in [torch]: t.hub",
    "with": "import torch\nwith torch as t: t.hub",
    "match": "import torch\nmatch [torch]:\n  case [t, *_]: t.hub",
    "walrus in a comprehension": "import torch\n[y for x in [1] if (y := torch)]\ny.hub",
    "partial": "import torch, functools\nfunctools.partial(torch.hub)",
    "getattr": "import torch\ngetattr(torch, 'h' + 'ub')",
    "getattr's default": "import torch\ngetattr(1, 'x', torch).hub",
    "star import": "from torch import *\nhub",
    "list that is appended to": "import torch\nxs = []\ndef f(): xs.append(torch)\nxs[0].hub",
    "list that is extended": "import torch\nxs = []\nxs.extend([torch])\nxs[0].hub",
    "list that is added to": "import torch\nxs = []\nxs += [torch]\n(xs + [1])[0].hub",
    "set": "import torch\nxs = set()\nxs.add(torch)\nxs.pop().hub",
    "queue": "import torch, collections\nxs = collections.deque()\nxs.appendleft(torch)\nxs.pop().hub",
    "dictionary that is updated": "import torch\nd = {}\nd.update(k=torch)\nd['k'].hub",
    "dictionary of keywords": "import torch\ndict(k=torch)['k'].hub",
    "dictionaries that are merged": "import torch\nd = {}\nd |= {'k': torch}\nd['k'].hub",
    "entry of an entry": "import torch\nd = {}\nd.setdefault(1, {})[2] = torch\nd[1][2].hub",
    "list of a class": "import torch\nclass A:\n  xs = []\n  xs.append(torch)\nA.xs[0].hub",
    "entry of an attribute": "import torch\nclass A:\n  def f(self):\n    self.d = {}\n    self.d[1] = torch\nx.d.hub",
    "attribute that is set": "import torch\nsetattr(x, 't' + 's', torch)\ny.ts.hub",
    "attribute that is set by a method": "import torch\nobject.__setattr__(x, 't', torch)\ny.t.hub",
    "field": "import torch\n@dataclass\nclass A:\n  n: int\n  t: object\nA(1, torch).t.hub",
    "field by name": "import torch\n@dataclass\nclass A:\n  t: object\nA(t=torch).t.hub",
    "field that is replaced": "import torch, dataclasses\nclass A:\n  t = 1\ndataclasses.replace(A(), t=torch).t.hub",
    "property": "import torch\nclass A:\n  @property\n  def t(self): return torch\nA().t.hub",
    "constructor of a base": "import torch\nclass A:\n  def __init__(self, t): t.hub\nclass B(A): pass\nB(torch)",
    "further arguments": "import torch\ndef f(n, *rest): rest[0].hub\nf(1, torch)",
    "further keywords": "import torch\ndef f(**rest): rest['t'].hub\nf(t=torch)",
    "arguments that are spread": "import torch\ndef f(n, t): t.hub\nxs = [1, torch]\nf(*xs)",
    "keywords that are spread": "import torch\ndef f(n, t): t.hub\nf(1, **{'t': torch})",
    "caller": "import torch\ndef call(f, *args): return f(*args)\ndef g(t): t.hub\ncall(g, torch)",
    "nullcontext": "import torch\nfrom contextlib import nullcontext\nwith nullcontext(torch) as t: t.hub",
    "partial of its own": "import torch, functools\ndef f(n, t): t.hub\nfunctools.partial(f, 1, torch)()",
    "map": "import torch\nmap(lambda t: t.hub, [torch])",
    "result of map": "import torch\n[*map(lambda n: torch, [1])][0].hub",
    "reduce": "import torch, functools\nfunctools.reduce(lambda a, b: b.hub, [1, torch])",
    "key": "import torch\nsorted([torch], key=lambda t: t.hub)",
    "backwards": "def f(): return c.hub\nc = lambda: b\nc = b = a\nimport torch\na = torch\n",
}


@pytest.mark.parametrize("source", FOLLOWED.values(), ids=FOLLOWED)
def test_a_name_is_followed_through(source: str) -> None:
    assert "torch.hub" in names(source)


def saved_to(source: str) -> set[str]:
    """What the path of the source's one call of `torch.save` is made of."""
    (call,) = [each for each in facts(f"import torch\n{source}")["calls"] if each["name"] == "torch.save"]
    return set(call["arguments"][1]["mentions"])


HOLDER = "class A:\n  def __init__(self, ctx): self.path = ctx.artifacts_dir\n"
IN_ARTIFACTS = {
    "attribute": HOLDER + "torch.save(m, A(ctx).path + '/x')",
    "attribute made of another": HOLDER + "  def f(self): self.best = f'{self.path}/x'\ntorch.save(m, a.best)",
    "attribute that is added to": HOLDER + "  def f(self): self.path += '/x'\ntorch.save(m, a.path)",
    "attribute that is None first": "class A: path = None\nA.path = ctx.artifacts_dir\ntorch.save(m, A.path)",
    "parameter that is kept": "class A:\n  def __init__(self, p): self.p = p\nA(ctx.artifacts_dir)\ntorch.save(m, a.p)",
    "attribute that is set": "setattr(a, 'p', ctx.artifacts_dir)\ntorch.save(m, a.p)",
    "field": "@dataclass\nclass A:\n  n: int\n  p: str\nA(n=1, p=ctx.artifacts_dir)\ntorch.save(m, a.p)",
    "entry of an attribute": "a.d = {}\na.d['x'] = ctx.artifacts_dir + '/x'\ntorch.save(m, a.d['x'])",
    "entry": "d = dict()\nd['x'] = ctx.artifacts_dir + '/x'\ntorch.save(m, d['x'])",
    "element": "xs = []\nxs.append(ctx.artifacts_dir)\ntorch.save(m, xs[0])",
    "added text": "p = ctx.artifacts_dir\np += '/x'\ntorch.save(m, p)",
    "added text with unknown parts": "def f(n):\n  p = ctx.artifacts_dir\n  p += '/' + n\n  torch.save(m, p)",
    "added text that is filled in": "p = ctx.artifacts_dir\np += '/{}'.format(n)\np += '%s.pt' % n\ntorch.save(m, p)",
    "added number": "p = ctx.artifacts_dir\np += str(n)\ntorch.save(m, p)",
    "added name of a text": "p = ctx.artifacts_dir\nx = '/x'\np += x\ntorch.save(m, p)",
    "joined name": "p = Path(ctx.artifacts_dir)\np /= name\ntorch.save(m, p)",
    "bound again": "p = ctx.artifacts_dir\np = p + '/x'\np = f'{p}.pt'\ntorch.save(m, p)",
    "parameter with a default": "def f(p=None): torch.save(m, p)\nf(ctx.artifacts_dir)",
    "name with an einsum in it": "x = torch.einsum('...i->...', y)\ntorch.save(m, f'{ctx.artifacts_dir}/{x}')",
}


@pytest.mark.parametrize("source", IN_ARTIFACTS.values(), ids=IN_ARTIFACTS)
def test_a_path_in_the_artifacts_is_known_through(source: str) -> None:
    made = saved_to(source)
    assert "artifacts_dir" in made
    assert ".." not in made


ELSEWHERE = {
    "attribute with another value": HOLDER + "A.path = '/tmp'\ntorch.save(m, a.path)",
    "attribute of a loop": HOLDER + "for a.path in ['/tmp']: torch.save(m, a.path)",
    "attribute of a method": HOLDER + "class B:\n  @property\n  def path(self): return '/tmp'\ntorch.save(m, a.path)",
    "attribute that is set": HOLDER + "setattr(a, 'path', '/tmp')\ntorch.save(m, a.path)",
    "attribute that is set by any name": HOLDER + "object.__setattr__(a, n, '/tmp')\ntorch.save(m, a.path)",
    "attribute that is replaced": "class A: p: str\nA(ctx.artifacts_dir)\na._replace(p='/tmp')\ntorch.save(m, a.p)",
    "attribute of anything": HOLDER + "  def __getattr__(self, n): return '/tmp'\ntorch.save(m, a.path)",
    "attribute of a metaclass": HOLDER + "class M(type): 1\ntorch.save(m, M('B', (), {'path': '/tmp'}).path)",
    "attribute that a value sets": HOLDER + "f = super().__setattr__\nf('path', '/tmp')\ntorch.save(m, a.path)",
    "attribute that an alias sets": HOLDER + "f = object.__setattr__\nf(a, 'path', '/tmp')\ntorch.save(m, a.path)",
    "attribute that is got to be set": HOLDER + "getattr(a, '__set' 'attr__')('path', '/')\ntorch.save(m, a.path)",
    "attribute of a state": HOLDER + "a.__setstate__({'path': '/tmp'})\ntorch.save(m, a.path)",
    "attribute of another module": "import x\n" + HOLDER + "torch.save(m, x.path)",
    "attribute of a tuple": HOLDER + "from collections import namedtuple as n\ntorch.save(m, n('N', 'path')('/').path)",
    "attribute of a class": HOLDER + "torch.save(m, type('B', (), {'path': '/tmp'}).path)",
    "attribute that climbs": "a.path = ctx.artifacts_dir + '/..'\ntorch.save(m, a.path)",
    "climbing name": "a.name = '../x'\ntorch.save(m, f'{ctx.artifacts_dir}/{a.name}')",
    "climbing name in pieces": "torch.save(m, f'{ctx.artifacts_dir}/' + ('.' + '.'))",
    "field of a derived class": "class A: p: str\nclass B(A): 1\nA(ctx.artifacts_dir)\nB('/tmp')\ntorch.save(m, b.p)",
    "field with a default": "class A: p: str = '/tmp'\nA(ctx.artifacts_dir)\ntorch.save(m, a.p)",
    "added text that climbs": "p = ctx.artifacts_dir\np += '/../x'\ntorch.save(m, p)",
    "added list": "p = [ctx.artifacts_dir]\nx = ['/tmp']\np += x\ntorch.save(m, p[1])",
    "appended text": "p = [ctx.artifacts_dir]\np.append('/tmp')\ntorch.save(m, p[1])",
    "added to another": "p = '/tmp'\np += ctx.artifacts_dir\ntorch.save(m, p)",
    "cut away": "p = ctx.artifacts_dir\np *= 0\np += '/tmp'\ntorch.save(m, p)",
    "cut away by a format": "p = ctx.artifacts_dir\np = f'{p:.0}/tmp'\ntorch.save(m, p)",
    "joined absolute path": "p = Path(ctx.artifacts_dir)\nx = '/x'\np /= x\ntorch.save(m, p)",
    "behind an absolute path": "torch.save(m, '/tmp/' + ctx.artifacts_dir)",
    "one of two": "torch.save(m, ctx.artifacts_dir if x else '/tmp')",
    "the other of two": "torch.save(m, ctx.artifacts_dir and '/tmp')",
    "climbing one of two": "p = ctx.artifacts_dir\nif x: p = f'{ctx.artifacts_dir}/../x'\ntorch.save(m, p)",
    "name of its own": "artifacts_dir = '/tmp'\ntorch.save(m, artifacts_dir)",
    "attribute of its own": "class C: artifacts_dir = '/tmp'\ntorch.save(m, C.artifacts_dir)",
    "argument of map": "def f(p): torch.save(m, p)\nf(ctx.artifacts_dir)\nmap(f, ['/tmp'])",
    "name of a class body": "class A:\n  p = ctx.artifacts_dir\n  def f(self): torch.save(m, p)\np = '/tmp'",
}


@pytest.mark.parametrize("source", ELSEWHERE.values(), ids=ELSEWHERE)
def test_a_path_that_may_lead_elsewhere_is_no_path_in_the_artifacts(source: str) -> None:
    made = saved_to(source)
    assert "artifacts_dir" not in made or ".." in made


def test_a_path_says_through_which_attributes_it_comes_and_a_module_which_ones_it_gives() -> None:
    source = HOLDER + "  def f(self): torch.save(m, f'{self.path}/x')\n"
    assert "." not in saved_to(source)
    assert ".path" in saved_to(source)
    assert {".", ".p"} <= saved_to("class A: p: str\nA(ctx.artifacts_dir)\ntorch.save(m, a.p)")
    given = "class A:\n  n: int\n  def f(self): self.a = self.b\nx.c += 1\nsetattr(x, 'd', 1)\n"
    assert facts(given)["attributes"] == ["a", "c", "d", "f", "n"]
    for anything in ("object.__setattr__(x, y, 1)", "class A:\n  def __getattr__(self, n): pass", "type('A', (), x)"):
        assert "*" in facts(anything)["attributes"]


NOT_BUILTIN = {
    "parameter": "def f(open): open",
    "variable of a function": "def f():\n  open\n  open = 1",
    "own function, used behind it": "def open(): pass\nopen()",
    "own function, in itself": "def open(): open()",
    "comprehension": "[open for open in x]",
    "import": "from x import open\nopen",
    "enclosing function": "def f(open):\n  def g(): return open",
}
BUILTIN = {
    "before its own definition": "open()\ndef open(): pass",
    "in its own defaults": "def open(x=open): pass",
    "in its own decorator": "@open\ndef open(): pass",
    "condition": "if x: open = 1\nopen",
    "loop that may be empty": "for open in x: pass\nopen",
    "deleted": "open = 1\ndel open\nopen",
    "exception": "try: x\nexcept E as open: pass\nopen",
    "class body seen from a method": "class A:\n  open = 1\n  def f(self): open",
    "bound by a function": "def f():\n  global open\n  open = 1\nopen",
    "annotation without a value": "open: int\nopen",
}


@pytest.mark.parametrize("source", NOT_BUILTIN.values(), ids=NOT_BUILTIN)
def test_a_name_of_its_own_is_no_builtin(source: str) -> None:
    assert "builtins.open" not in names(source)


@pytest.mark.parametrize("source", BUILTIN.values(), ids=BUILTIN)
def test_a_name_that_may_not_be_bound_is_the_builtin(source: str) -> None:
    assert "builtins.open" in names(source)


BUILT = {
    "'ev' + 'al'": "eval",
    "'e' 'val' * 1 + ''": "eval",
    "f\"{'ev'}al\"": "eval",
    "'%s%s' % ('ev', 'al')": "eval",
    "'{}{}'.format('ev', 'al')": "eval",
    "''.join(['ev', 'al'])": "eval",
    "''.join(map(chr, (101, 118, 97, 108)))": "eval",
    "''.join(chr(c ^ 1) for c in [100, 119, 96, 109])": "eval",
    "'lave'[::-1]": "eval",
    "'EVAL'.lower()": "eval",
    "'xeval'.removeprefix('x')": "eval",
    "b'eval'.decode()": "eval",
    "bytes([101, 118, 97, 108]).decode('ascii')": "eval",
    "str(b'eval', 'utf-8')": "eval",
    "'a eval'.split(' ')[1]": "eval",
}


@pytest.mark.parametrize("source", BUILT)
def test_a_text_that_is_put_together_is_worked_out(source: str) -> None:
    assert f'"{BUILT[source]}"' in names(f"x = {source}")


@pytest.mark.parametrize(
    "source",
    ["'e' * 10**9", "'%9999999d' % 1", "'{:>9999999}'.format(1)", "chr(-1)", "''.join([1.5])", "'a'[9]", "f()"],
)
def test_what_does_not_fold_or_is_too_long_is_no_text(source: str) -> None:
    assert all(not name.startswith('"') for name in names(f"x = {source} + 'eval'"))


def test_attributes_are_seen_without_a_dot() -> None:
    assert "?.__globals__" in names("match f:\n  case object(__globals__=g): g")
    assert "?.__class__" in names("'{0.__class__}'.format(x)")
    assert "?.__reduce__" in names("class A:\n  def __reduce__(self): pass")
    assert "?.__dict__" in names("setattr(x, '__' + 'dict' + '__', 1)")


def test_modules_of_the_bundle_are_named_by_their_path() -> None:
    others = ("pkg/__init__.py", "pkg/deep.py", "loose/one.py")
    assert names("import pkg.deep as d\nd.x", "m.py", *others)[-1] == "pkg/deep.py::x"
    assert names("from pkg import deep\ndeep.x", "m.py", *others)[-1] == "pkg/__init__.py::deep.x"
    assert names("from loose import one", "m.py", *others) == ["loose/::one"]
    assert names("from . import deep as d\nd", "pkg/other.py", *others)[-1] == "pkg/__init__.py::deep"
    assert names("from .deep import x", "pkg/other.py", *others) == ["pkg/deep.py::x"]
    assert names("import random", "m.py", "random.py") == ["random"]


def test_exports_are_what_leads_out_of_the_module() -> None:
    source = "import torch\nfrom pkg import x\nt = torch.nn if y else x\ndef f(): pass\nn = 1\n"
    exports = facts(source, "m.py", "pkg/__init__.py")["exports"]
    assert exports == {"torch": ["torch"], "x": ["pkg/__init__.py::x"], "t": ["pkg/__init__.py::x", "torch.nn"]}


def test_an_argument_says_what_it_is_and_what_it_is_surely_made_of() -> None:
    source = """import torch
def save(model, path):
    torch.save(model, path)
def train(ctx):
    folder = ctx.artifacts_dir
    save(m, f"{folder}/a.pt")
    torch.save(m, "/tmp/" + "x", pickle_protocol=4)
    torch.save(m, folder if x else "../y")
"""
    first, second, third = [call for call in facts(source)["calls"] if call["name"] == "torch.save"]
    assert "artifacts_dir" in first["arguments"][1]["mentions"]
    assert second["arguments"][1] == {"text": "/tmp/x", "mentions": []}
    assert second["keywords"] == {"pickle_protocol": {"text": "4", "mentions": []}}
    assert {"artifacts_dir", ".."} <= set(third["arguments"][1]["mentions"])


def test_a_call_says_what_the_conditions_around_it_mention() -> None:
    source = """import torch
if ctx.rank == 0:
    torch.save(a)
else:
    torch.save(b)
def f():
    if is_main: return
    torch.save(c)
torch.save(d)
"""
    assert [call["guards"] for call in facts(source)["calls"]] == [["ctx", "rank"], ["ctx", "rank"], ["is_main"], []]


def test_the_call_graph_names_functions_what_they_call_and_who_calls_them_where() -> None:
    source = """import torch
class A:
    def f(self):
        return g(torch.zeros(3))
def g(x): return x.y()
if ctx.rank == 0:
    A().f()
"""
    functions = facts(source)["functions"]
    assert [(each["name"], each["line"], each["lastLine"], each["calls"]) for each in functions] == [
        ("", 1, 8, ["A", "A.f"]),
        ("A", 2, 4, []),
        ("A.f", 3, 4, ["g", "torch.zeros"]),
        ("g", 5, 5, []),
    ]
    by_rank = {"name": "", "guards": ["ctx", "rank"]}
    assert [each["callers"] for each in functions] == [[], [by_rank], [by_rank], [{"name": "A.f", "guards": []}]]


def test_callers_are_bounded() -> None:
    conditions = "".join(f"    if a{index}: return\n" for index in range(200))
    (_, f, _) = facts(f"def f(): pass\ndef g():\n{conditions}    f()\n")["functions"]
    assert [(each["name"], len(each["guards"])) for each in f["callers"]] == [("g", 100)]


def test_a_use_has_its_place_in_characters_and_the_digest_of_its_text() -> None:
    (use,) = (use for use in facts("import torch\nä = 1; torch.\\\n  hub")["uses"] if use["name"] == "torch.hub")
    digest = hashlib.sha256(b"torch.\\\n  hub").hexdigest()
    assert [use["node"], use["line"], use["column"], use["called"]] == ["Attribute", 2, 8, False]
    assert use["excerptHash"] == digest


def test_of_a_name_that_is_used_often_the_first_places_are_listed() -> None:
    lines = [use["line"] for use in facts("print\n" * 100)["uses"]]
    assert lines == [*range(1, PLACES + 1)]


def test_large_literals_are_listed_by_size_and_entropy() -> None:
    source = f"a = {'x' * 1000!r}\nb = {bytes(range(256))!r}\nc = {[*range(200)]!r}\nd = {10**400}\ne = 'short'\n"
    literals = facts(source)["literals"]
    assert [(each["kind"], each["line"]) for each in literals] == [
        ("text", 1),
        ("collection", 3),
        ("bytes", 2),
        ("integer", 4),
    ]
    assert [literals[0]["entropyBits"], literals[2]["entropyBits"]] == [0.0, 8.0]


def test_chains_that_grow_in_a_loop_end() -> None:
    assert "torch" in names("import torch\nnode = torch\nwhile node: node = node.next.next\n")
    assert names("from pkg import x\nwhile x: x = x.next\n", "m.py", "pkg/__init__.py")


def test_names_without_end_are_an_error_of_the_module() -> None:
    knot = "import torch\nx = torch\n" + "".join(f"x = x.a{index}\n" for index in range(40))
    assert "too many ways" in error(knot)
    assert "too many names" in error("".join(f"x.a{index}\n" for index in range(20_001)))


def test_the_same_source_gives_the_same_facts_in_every_process() -> None:
    program = "import sys; from prism_runner.inspect_module import inspect_source as f; p = sys.argv[1]\n"
    program += "print(f('m.py', open(p, 'rb').read(), frozenset(['m.py'])))"
    runs = [
        subprocess.run(
            [sys.executable, "-B", "-c", program, uses.__file__],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(Path(uses.__file__).parent.parent)},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    ]
    assert len(runs[0]) > 10_000
    assert runs[0] == runs[1] == runs[2]
