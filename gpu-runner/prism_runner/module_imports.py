"""Which of the bundle's own modules a module imports directly, wherever in it the import stands."""

import ast
from pathlib import PurePosixPath


def imported_paths(tree: ast.Module, path: str, paths: frozenset[str]) -> list[str]:
    """Bundle paths, sorted, without the module itself; packages that an import passes through are in it.

    An absolute name is looked for under the bundle's root, then beside the module: the entrypoints' folders are on
    the path as well.
    """
    folder = PurePosixPath(path).parent
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                found |= _absolute(alias.name, folder, paths)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                found |= _from(node, alias.name, folder, paths)
    return sorted(found - {path})


def _from(node: ast.ImportFrom, name: str, folder: PurePosixPath, paths: frozenset[str]) -> set[str]:
    """`from module import name`: the module, and the submodule of that name if there is one."""
    dotted = ".".join(part for part in (node.module, name) if part)
    if node.level == 0:
        return _absolute(dotted, folder, paths)
    for _ in range(node.level - 1):
        folder = folder.parent
    return _under(folder, dotted, paths) | ({str(folder / "__init__.py")} & paths)


def _absolute(dotted: str, folder: PurePosixPath, paths: frozenset[str]) -> set[str]:
    return _under(PurePosixPath(), dotted, paths) or _under(folder, dotted, paths)


def _under(base: PurePosixPath, dotted: str, paths: frozenset[str]) -> set[str]:
    """Every bundle file that importing `dotted` from folder `base` runs: each package's __init__, then the module."""
    found: set[str] = set()
    at = base
    for part in dotted.split("."):
        at = at / part
        found |= {str(at / "__init__.py"), f"{at}.py"} & paths
    return found
