"""Rewrites sources as somebody would who hides where they come from. A JSON list of {source, how, seed} in, one of sources out."""

import ast
import json
import random
import sys

PADDING = """
class Gate{n}(nn.Module):
    def __init__(self, width, scale={n}.5):
        super().__init__()
        self.up = nn.Linear(width, {n} + width)
        self.down = nn.Linear({n} + width, width, bias={n} % 2 == 0)
        self.scale = scale

    def forward(self, x):
        hidden = torch.tanh(self.up(x)) * self.scale
        for step in range({n}):
            hidden = hidden + step / {n}
        return x + self.down(hidden)
"""

BURYING = """
def buried{n}(x):
    {body}
    return x + {n}
"""


class Renamed(ast.NodeTransformer):
    """Own functions, classes, parameters, variables and attributes under other names, as far as the program stays the same."""

    def __init__(self, tree: ast.Module) -> None:
        nodes = [*ast.walk(tree)]
        own = {n.name for n in nodes if isinstance(n, (ast.FunctionDef, ast.ClassDef))}
        own |= {n.arg for n in nodes if isinstance(n, ast.arg)}
        own |= {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
        on_self = {n.attr for n in nodes if isinstance(n, ast.Attribute) and of_self(n)}
        stored = {n.attr for n in nodes if isinstance(n, ast.Attribute) and of_self(n) and isinstance(n.ctx, ast.Store)}
        members = [m for n in nodes if isinstance(n, ast.ClassDef) for m in n.body]
        fields = {m.target.id for m in members if isinstance(m, ast.AnnAssign) and isinstance(m.target, ast.Name)}
        named = {n.attr for n in nodes if isinstance(n, ast.Attribute) and not of_self(n)} - fields
        kept = {a.asname or a.name for n in nodes if isinstance(n, (ast.Import, ast.ImportFrom)) for a in n.names}
        kept |= {n.arg for n in nodes if isinstance(n, ast.keyword) and n.arg} | named | (on_self - stored - fields)
        kept |= {"build_model", "train", "forward", "ctx", "self", "step", "closure", "training"}
        self.names = {name: f"own_{name}" for name in sorted((own | stored) - kept) if not name.startswith("__")}

    def visit(self, node: ast.AST) -> ast.AST:
        for field in ("id", "arg", "name", "attr"):
            name = getattr(node, field, None)
            if isinstance(name, str) and not isinstance(node, ast.alias):
                setattr(node, field, self.names.get(name, name))
        return self.generic_visit(node)


def of_self(node: ast.Attribute) -> bool:
    return isinstance(node.value, ast.Name) and node.value.id == "self"


def rewritten(source: str, how: list[str], seed: int) -> str:
    chance = random.Random(seed)
    tree = ast.parse(source)
    if "rename" in how:
        tree = Renamed(tree).visit(tree)
    if "reorder" in how:
        places = [at for at, node in enumerate(tree.body) if isinstance(node, (ast.FunctionDef, ast.ClassDef))]
        plain = [at for at in places if not tree.body[at].decorator_list]
        moved = [tree.body[at] for at in plain]
        chance.shuffle(moved)
        for at, node in zip(plain, moved):
            tree.body[at] = node
    if "dead" in how:
        for n in range(1, 9):
            tree.body.append(ast.parse(PADDING.format(n=n)).body[0])
    if "pad" in how:
        for n in range(1, 9):
            tree.body.append(ast.parse(PADDING.format(n=n)).body[0])
        tree.body += ast.parse("extra = [Gate1, Gate2, Gate3, Gate4, Gate5, Gate6, Gate7, Gate8]").body
    if "crowd" in how:
        for n in range(2_100):
            body = "y = torch.tanh(x * 2 + 1) / (x * x + 3) - torch.relu(x - 4 * x)"
            tree.body.append(ast.parse(BURYING.format(n=n, body=body)).body[0])
            tree.body += ast.parse(f"more{n} = buried{n}").body
    if "bury" in how or "bury deep" in how:
        many = 40 if "bury" in how else 120
        for n in range(many):
            body = "\n    ".join(f"y{k} = x * {k}.25 + torch.tanh(x - {n}.{k}) / {n + k + 2}" for k in range(25))
            tree.body.append(ast.parse(BURYING.format(n=n, body=body)).body[0])
        tree.body += ast.parse(f"more = [{', '.join(f'buried{n}' for n in range(many))}]").body
    text = ast.unparse(ast.fix_missing_locations(tree))
    if "reformat" in how:
        text = "\n".join(f"{line}  # note {chance.random()}" if line.rstrip().endswith(")") else line for line in text.split("\n"))
        text = "# another head\n" + text.replace("\n\n", "\n\n\n\n")
    return text


print(json.dumps([rewritten(each["source"], each["how"], each["seed"]) for each in json.load(sys.stdin)]))
