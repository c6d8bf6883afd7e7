"""Large literals of a module: where weights, text or code could be hidden in the source."""

import ast
import math
from collections import Counter
from typing import Literal, TypedDict

from prism_runner.survey import Survey
from prism_runner.trees import nodes_in

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


def large_literals(survey: Survey) -> list[LiteralFacts]:
    """The largest of a module's literals, largest first; of a collection that is listed, its elements aren't."""
    found: list[LiteralFacts] = []
    inside: set[ast.expr] = set()
    for node in survey.collections:
        if len(node.elts) >= LEAST_ELEMENTS and all(type(each) in (ast.Constant, ast.UnaryOp) for each in node.elts):
            inside.update(nodes_in(node))
            found.append(_facts(node, "collection", ",".join(ast.unparse(each) for each in node.elts).encode()))
    for constant in survey.constants:
        match constant.value:
            case _ if constant in inside:
                continue
            case str() as text if 4 * len(text) >= LEAST_BYTES:
                found.append(_facts(constant, "text", text.encode("utf-8", "surrogatepass")))
            case bytes() as raw:
                found.append(_facts(constant, "bytes", raw))
            case int() as number:
                found.append(_facts(constant, "integer", number.to_bytes(number.bit_length() // 8 + 1, "big")))
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
