"""Canonical JSON (RFC 8785): one byte string for one value, so that its SHA-256 means something on both sides.

Keys are sorted by UTF-16 code units, numbers are written as ECMAScript writes them, nothing is padded.
"""

import json
import math
from collections.abc import Mapping, Sequence
from decimal import Decimal

LARGEST_INTEGER = 2**53 - 1


def encode(value: object) -> bytes:
    """The canonical UTF-8 bytes of a value made of dict, list, tuple, str, bool, None, int and float.

    Raises ValueError for integers beyond 2^53 - 1, non-finite floats, lone surrogates and anything else.
    """
    return _text(value).encode("utf-8")


def _text(value: object) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, int):
        if abs(value) > LARGEST_INTEGER:
            raise ValueError("an integer beyond 2^53 - 1 has no exact JSON number")
        return str(value)
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, Mapping):
        keys = sorted(value, key=lambda key: key.encode("utf-16-be"))
        return "{" + ",".join(f"{_text(str(key))}:{_text(value[key])}" for key in keys) + "}"
    if isinstance(value, Sequence) and not isinstance(value, (bytes, bytearray)):
        return "[" + ",".join(map(_text, value)) + "]"
    raise ValueError(f"{type(value).__name__} has no JSON form")


def _number(value: float) -> str:
    """ECMAScript's Number::toString: shortest digits that round-trip, exponent only below 1e-6 and from 1e21 on."""
    if not math.isfinite(value):
        raise ValueError("JSON has no number for a non-finite float")
    if value == 0:
        return "0"
    sign, digit_tuple, exponent = Decimal(repr(value)).normalize().as_tuple()
    digits = "".join(map(str, digit_tuple))
    point = len(digits) + int(exponent)  # the decimal point stands after this many digits
    minus = "-" if sign else ""
    if len(digits) <= point <= 21:
        return minus + digits + "0" * (point - len(digits))
    if 0 < point <= 21:
        return f"{minus}{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return f"{minus}0.{'0' * -point}{digits}"
    mantissa = digits if len(digits) == 1 else f"{digits[0]}.{digits[1:]}"
    return f"{minus}{mantissa}e{point - 1:+d}"
