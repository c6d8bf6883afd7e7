"""Where a module's prose is: comments, docstrings and other strings that stand for themselves.

A reviewer reads a bundle a second time without them. Places are bytes of the source, since that is what every reader of
it agrees on.
"""

import ast
import io
import re
import tokenize
from collections.abc import Iterator

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")

Span = tuple[int, int]  # from, to (exclusive), in bytes


def prose_spans(bare: list[ast.Expr], source: bytes) -> list[Span]:
    """Spans in order, without overlaps. `bare`: what in the source stands for itself.

    Comments are left out where the tokenizer objects.
    """
    strings = [each.value for each in bare if is_text(each.value)]
    if not strings and b"#" not in source:
        return []
    lines = LINE.findall(source.decode("utf-8-sig"))
    starts = [len(BYTE_ORDER_MARK) if source.startswith(BYTE_ORDER_MARK) else 0]
    for line in lines:
        starts.append(starts[-1] + len(line.encode()))
    return merged(sorted([*comments(lines, starts), *places(strings, starts)]))


def is_text(node: ast.expr) -> bool:
    """Whether an expression is a string constant."""
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def comments(lines: list[str], starts: list[int]) -> Iterator[Span]:
    """Comments, as the tokenizer sees them. It counts columns in characters."""
    if not any("#" in line for line in lines):
        return
    text = "".join(line.rstrip("\r\n") + "\n" for line in lines)
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.COMMENT:
                row, column = token.start
                start = starts[row - 1] + len(lines[row - 1][:column].encode())
                yield start, start + len(token.string.encode())
    except (tokenize.TokenError, SyntaxError):
        return


def places(strings: list[ast.expr], starts: list[int]) -> Iterator[Span]:
    """Where nodes of a tree are, which counts columns in bytes."""
    for node in strings:
        end = node.end_lineno or node.lineno
        yield starts[node.lineno - 1] + node.col_offset, starts[end - 1] + (node.end_col_offset or 0)


def merged(spans: list[Span]) -> list[Span]:
    """Sorted spans with those that touch or overlap made one."""
    result: list[Span] = []
    for start, end in spans:
        if result and start <= result[-1][1]:
            result[-1] = (result[-1][0], max(result[-1][1], end))
        else:
            result.append((start, end))
    return result
