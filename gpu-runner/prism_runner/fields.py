"""Reading one JSON object field by field, with bounds. Whoever reads decides what a FieldError means.

In a run spec it is our fault; in a contestant's message it is a contract violation.
"""

import json
from collections.abc import Mapping

Fields = Mapping[str, object]


class FieldError(ValueError):
    """A field is missing, of the wrong type, or out of its bounds; the text names it."""


def parse_object(raw: bytes) -> Fields:
    """One JSON object from UTF-8 bytes. Raises FieldError for anything else, however deep or malformed."""
    try:
        value = DECODER.decode(raw.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise FieldError("not a JSON object") from error
    if not isinstance(value, dict):
        raise FieldError("not a JSON object")
    return value


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


DECODER = json.JSONDecoder(parse_constant=_refuse_constant)


def integer(fields: Fields, name: str, low: int, high: int) -> int:
    """An integer with low <= value <= high; booleans and floats are not integers."""
    value = fields.get(name)
    if isinstance(value, bool) or not isinstance(value, int):
        raise FieldError(f"{name} must be an integer")
    if not low <= value <= high:
        raise FieldError(f"{name} must be between {low} and {high}")
    return value


def seconds(fields: Fields, name: str) -> float:
    """A finite, positive number of seconds."""
    value = number(fields, name, 0, 1e9)
    if value == 0:
        raise FieldError(f"{name} must be a positive number of seconds")
    return value


def number(fields: Fields, name: str, low: float, high: float) -> float:
    """A number with low <= value <= high."""
    value = fields.get(name)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise FieldError(f"{name} must be a number")
    if not low <= value <= high:
        raise FieldError(f"{name} must be between {low:g} and {high:g}")
    return float(value)


def text(fields: Fields, name: str, longest: int = 65_536) -> str:
    """A string of at most `longest` UTF-8 bytes, made well-formed."""
    value = fields.get(name)
    if not isinstance(value, str):
        raise FieldError(f"{name} must be a string")
    clean = well_formed(value)
    if len(clean.encode("utf-8")) > longest:
        raise FieldError(f"{name} must be at most {longest} bytes")
    return clean


def well_formed(value: str) -> str:
    """The string with `?` for every lone surrogate: JSON can escape one, UTF-8 can't carry it."""
    return value.encode("utf-8", "replace").decode("utf-8")


def choice(fields: Fields, name: str, allowed: tuple[str, ...]) -> str:
    """One of the allowed strings."""
    value = fields.get(name)
    if not isinstance(value, str) or value not in allowed:
        raise FieldError(f"{name} must be one of {', '.join(allowed)}")
    return value


def nested(fields: Fields, name: str) -> Fields:
    """A JSON object inside the object."""
    value = fields.get(name)
    if not isinstance(value, dict):
        raise FieldError(f"{name} must be an object")
    return value


def flag(fields: Fields, name: str) -> bool:
    """True or false; a field that is absent is false."""
    value = fields.get(name, False)
    if not isinstance(value, bool):
        raise FieldError(f"{name} must be true or false")
    return value
