"""Checking a safetensors file by its header alone: nothing of the tensors is read, nothing is ever unpickled.

    u64 little-endian N, N bytes of JSON {name: {"dtype", "shape", "data_offsets": [begin, end]}}, data

`__metadata__` maps names to names: there an alias stands for a tensor that is stored once. Tensors must tile the data
exactly: no gap, no overlap, no rest.
"""

import math
import struct
from collections.abc import Mapping
from typing import BinaryIO

from prism_runner.fields import FieldError, Fields, choice, integer, nested, parse_object

DTYPE_BYTES = {"BOOL": 1, "U8": 1, "I8": 1, "I16": 2, "I32": 4, "I64": 8}
DTYPE_BYTES |= {"F8_E4M3": 1, "F8_E5M2": 1, "F16": 2, "BF16": 2, "F32": 4, "F64": 8, "C64": 8}
LONGEST_HEADER = 16 << 20
LONGEST_NAME = 4096
MOST_DIMENSIONS = 32
LARGEST = 2**53 - 1


def count_elements(file: BinaryIO, size: int) -> int:
    """Elements of all tensors of the file, which is `size` bytes long. Raises FieldError, which says what is wrong."""
    prefix = file.read(8)
    header_bytes = struct.unpack("<Q", prefix)[0] if len(prefix) == 8 else 0
    if not 2 <= header_bytes <= min(LONGEST_HEADER, size - 8):
        raise FieldError("the state isn't a safetensors file: its header's length is out of bounds")
    header = dict(parse_object(file.read(header_bytes)))
    _check_aliases(header.pop("__metadata__", {}), header)
    spans = [_checked_tensor(header, name) for name in header]
    end = 0
    for begin, stop, _ in sorted(spans):
        if begin != end:
            raise FieldError("the state's tensors overlap or leave gaps")
        end = stop
    if end != size - 8 - header_bytes:
        raise FieldError("the state's tensors don't fill the file")
    return sum(elements for _, _, elements in spans)


def _check_aliases(aliases: object, tensors: Mapping[str, object]) -> None:
    if not isinstance(aliases, dict) or not all(isinstance(name, str) for name in aliases.values()):
        raise FieldError("the state's metadata must map names to names")
    if any(alias in tensors or target not in tensors for alias, target in aliases.items()):
        raise FieldError("an alias in the state's metadata names no tensor")


def _checked_tensor(header: Fields, name: str) -> tuple[int, int, int]:
    """begin, end and elements of one tensor."""
    if len(name.encode("utf-8", "replace")) > LONGEST_NAME:
        raise FieldError("a tensor of the state has too long a name")
    tensor = nested(header, name)
    offsets, shape = tensor.get("data_offsets"), tensor.get("shape")
    if not isinstance(offsets, list) or len(offsets) != 2 or not isinstance(shape, list):
        raise FieldError("a tensor of the state lacks its shape or its place")
    if len(shape) > MOST_DIMENSIONS:
        raise FieldError("a tensor of the state has too many dimensions")
    begin, end = (integer({"data_offsets": offset}, "data_offsets", 0, LARGEST) for offset in offsets)
    elements = math.prod(integer({"shape": side}, "shape", 0, LARGEST) for side in shape)
    if elements * DTYPE_BYTES[choice(tensor, "dtype", tuple(DTYPE_BYTES))] != end - begin:
        raise FieldError("a tensor of the state isn't as long as its shape says")
    return begin, end, elements
