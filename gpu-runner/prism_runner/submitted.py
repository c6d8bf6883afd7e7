"""Importing the submitted scripts, and saying where in them something went wrong."""

import importlib.util
import sys
import traceback
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from types import FrameType, ModuleType
from typing import Any

from prism_runner.context import ContractError

LONGEST_CLAIM_BYTES = 4096


def make_importable(root: Path, entrypoints: list[str]) -> None:
    """Let the bundle's modules import each other: last on the path, so that none shadows torch or the library."""
    folders = [root, *(root / PurePosixPath(path).parent for path in entrypoints)]
    sys.path += [str(folder) for folder in dict.fromkeys(folders)]


def load_symbol(root: Path, entrypoint: str, symbol: str) -> Callable[..., Any]:
    """The callable that a script binds to a name. Raises ContractError, and whatever the script itself raises."""
    path = root / entrypoint
    if not path.is_file():
        raise ContractError(f"the bundle has no {entrypoint}")
    name = ".".join(PurePosixPath(entrypoint).with_suffix("").parts)
    module = sys.modules.get(name)
    if getattr(module, "__file__", None) != str(path):  # else the other script has imported it already
        module = load_by_path(free_name(name), path)
    found = getattr(module, symbol, None)
    if not callable(found):
        raise ContractError(f"{entrypoint} has no callable {symbol!r}")
    return found  # type: ignore[no-any-return]


def free_name(name: str) -> str:
    """The name that the bundle's own imports know a script by, unless the library or torch has it."""
    return f"submitted_{name}" if name in sys.stdlib_module_names or name in sys.modules else name


def load_by_path(name: str, path: Path) -> ModuleType:
    """Execute the script at `path` as module `name`."""
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ContractError(f"{path.name} isn't a Python script")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # before it runs: the scripts may import each other
    spec.loader.exec_module(module)
    return module


def forget(root: Path) -> None:
    """Drop what was imported from the bundle, so that the next import executes it anew."""
    inside = str(root) + "/"
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None)).startswith(inside):
            del sys.modules[name]


def where_in(root: Path, error: BaseException) -> str | None:
    """`file:line` of the innermost line of the bundle in the error's traceback; None when it has none."""
    inside = str(root) + "/"
    if isinstance(error, SyntaxError) and (error.filename or "").startswith(inside):
        return f"{(error.filename or '')[len(inside) :]}:{error.lineno}"
    return innermost_line(root, traceback.extract_tb(error.__traceback__))


def innermost_line(root: Path, stack: traceback.StackSummary) -> str | None:
    """`file:line` of the last frame that is in the bundle; None when none is."""
    inside = str(root) + "/"
    for frame in reversed(stack):
        if frame.filename.startswith(inside):
            return f"{frame.filename[len(inside) :]}:{frame.lineno}"
    return None


def stack_of(frame: FrameType) -> traceback.StackSummary:
    """Where another thread is."""
    return traceback.extract_stack(frame)


def last_words(error: BaseException) -> str:
    """What the error says of itself: the last line or lines of its traceback."""
    try:
        words = "".join(traceback.format_exception_only(error)).strip()
    except Exception:  # submitted exceptions may fail to print
        words = type(error).__name__
    return words.encode("utf-8", "replace")[-LONGEST_CLAIM_BYTES:].decode("utf-8", "ignore")
