"""Which of the bundle's own modules a module imports directly, wherever in it the import stands, and where names lead.

Where a name leads is written `torch.hub.load`, or `blocks/mix.py::Mix` for what a module of the bundle binds;
`blocks/mix.py::` is that module itself, `blocks/::` a folder without an `__init__.py`.
"""

import ast
import sys
from collections.abc import Iterable


def imported_paths(nodes: Iterable[ast.Import | ast.ImportFrom], path: str, paths: frozenset[str]) -> list[str]:
    """Bundle paths, sorted, without the module itself; packages that an import passes through are in it.

    An absolute name is looked for under the bundle's root, then beside the module: the entrypoints' folders are on
    the path as well.
    """
    folder = folder_of(path)
    found: set[str] = set()
    for node in dict.fromkeys(nodes):
        for alias in node.names:
            if isinstance(node, ast.Import):
                found |= _absolute(alias.name, folder, paths)
            else:
                found |= _from(node, alias.name, folder, paths)
    return sorted(found - {path})


def folder_of(path: str) -> str:
    """The folder of a bundle's file or folder; empty is the bundle's root."""
    return path.rpartition("/")[0]


def _inside(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name


def _from(node: ast.ImportFrom, name: str, folder: str, paths: frozenset[str]) -> set[str]:
    """`from module import name`: the module, and the submodule of that name if there is one."""
    dotted = ".".join(part for part in (node.module, name) if part)
    if node.level == 0:
        return _absolute(dotted, folder, paths)
    for _ in range(node.level - 1):
        folder = folder_of(folder)
    return _under(folder, dotted, paths) | ({_inside(folder, "__init__.py")} & paths)


def _absolute(dotted: str, folder: str, paths: frozenset[str]) -> set[str]:
    return _under("", dotted, paths) or _under(folder, dotted, paths)


def _under(base: str, dotted: str, paths: frozenset[str]) -> set[str]:
    """Every bundle file that importing `dotted` from folder `base` runs: each package's __init__, then the module."""
    found: set[str] = set()
    at = base
    for part in dotted.split("."):
        at = _inside(at, part)
        found |= {f"{at}/__init__.py", f"{at}.py"} & paths
    return found


def import_origin(node: ast.Import | ast.ImportFrom, name: str, path: str, paths: frozenset[str]) -> str:
    """Where `name` of an import in the module at `path` leads; `name` is `*` for all that a module has."""
    if isinstance(node, ast.Import):
        return _module_origin(name, folder_of(path), paths)
    folder = folder_of(path)
    for _ in range(node.level - 1):
        folder = folder_of(folder)
    module = _module_origin(node.module or "", folder, paths, node.level > 0)
    return f"{module}{name}" if module.endswith("::") else f"{module}.{name}"


def _module_origin(dotted: str, folder: str, paths: frozenset[str], relative: bool = False) -> str:
    if relative:
        found = _own_origin(folder, dotted, paths) if dotted else None
        return found or f"{_package(folder, paths)}::{dotted}"
    if dotted.split(".")[0] in sys.stdlib_module_names:  # the bundle's folders come last on the path
        return dotted
    return _own_origin("", dotted, paths) or _own_origin(folder, dotted, paths) or dotted


def is_own(origin: str) -> bool:
    """Whether a name leads into the bundle."""
    return "::" in origin


def _own_origin(base: str, dotted: str, paths: frozenset[str]) -> str | None:
    """Where `dotted` leads from folder `base`; None where the bundle has nothing of its first name."""
    at, parts = base, dotted.split(".")
    for index, part in enumerate(parts):
        inner = _inside(at, part)
        if any(path.startswith(f"{inner}/") for path in paths):
            at = inner
            continue
        rest = ".".join(parts[index + 1 :])
        if f"{inner}.py" in paths:
            return f"{inner}.py::{rest}"
        if index == 0:
            return None
        return f"{_package(at, paths)}::{'.'.join(parts[index:])}"
    return f"{_package(at, paths)}::"


def _package(folder: str, paths: frozenset[str]) -> str:
    initial = _inside(folder, "__init__.py")
    return initial if initial in paths else f"{folder or '.'}/"
