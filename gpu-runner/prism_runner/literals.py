"""Large literals of a module: where weights, text or code could be hidden in the source."""

import ast
import math
from collections import Counter
from typing import Literal, TypedDict

LEAST_BYTES = 128
LEAST_ELEMENTS = 64
MOST_LITERALS = 50  # the largest are listed

Kind = Literal["text", "bytes", "integer", "collection"]


class LiteralFacts(TypedDict):
    """One literal. Lines and columns count from 1, columns in UTF-8 bytes."""

    kind: Kind
    bytes: int  # of the value: UTF-8, or of an integer's or a collection's source form
    entropyBits: float  # Shannon entropy of those bytes, in bits a byte, 0 … 8
    line: int
    column: int


def large_literals(nodes: list[ast.AST]) -> list[LiteralFacts]:
    """The largest of a tree's literals, largest first; outer nodes come before inner ones."""
    found: list[LiteralFacts] = []
    inside: set[ast.AST] = set()  # elements of a collection that is listed
    for node in nodes:
        if isinstance(node, (ast.List, ast.Tuple, ast.Set)) and len(node.elts) >= LEAST_ELEMENTS:
            if all(isinstance(each, (ast.Constant, ast.UnaryOp)) for each in node.elts):
                inside.update(ast.walk(node))
                found.append(_facts(node, "collection", ",".join(ast.unparse(each) for each in node.elts).encode()))
        elif isinstance(node, ast.Constant) and node not in inside:
            match node.value:
                case str() as text:
                    found.append(_facts(node, "text", text.encode("utf-8", "surrogatepass")))
                case bytes() as raw:
                    found.append(_facts(node, "bytes", raw))
                case int() as number:
                    found.append(_facts(node, "integer", number.to_bytes(number.bit_length() // 8 + 1, "big")))
    large = [each for each in found if each["bytes"] >= LEAST_BYTES]
    return sorted(large, key=lambda each: (-each["bytes"], each["line"], each["column"]))[:MOST_LITERALS]


def _facts(node: ast.expr, kind: Kind, raw: bytes) -> LiteralFacts:
    return {
        "kind": kind,
        "bytes": len(raw),
        "entropyBits": round(entropy(raw), 3) if len(raw) >= LEAST_BYTES else 0.0,
        "line": node.lineno,
        "column": node.col_offset + 1,
    }


def entropy(raw: bytes) -> float:
    """Shannon entropy of the bytes' frequencies (Shannon 1948), in bits a byte, 0 … 8; 0 of nothing."""
    counts = Counter(raw).values()
    return sum(-count / len(raw) * math.log2(count / len(raw)) for count in counts)
