"""Builds the tree that the evaluator image consists of: what referee and contestant need to run, and no prose.

    python3 world.py tree OUT SITE        Python, its library, the packages in SITE, the shared libraries of all that
    python3 world.py modules FOLDER       every module below the folder in place, compiled, without its source

A model that may read English in its container can learn from it before the stream begins. So nothing is in the image
that isn't listed here: no shell, no documents, no headers, no sources. Modules lie there compiled as by `-OO`, and
what documents but is no docstring (doc-setting calls, tables of help) is blanked in them; documentation in shared
objects is overwritten with spaces, where it stands. Short error messages stay: without them nobody could mend a bundle.

Licences go to usr/share/licences, which only root may read: the image may be carried to other hosts.
"""

import ast
import importlib.util
import marshal
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from prose import Blanked, blanked, docstrings_of_compiled

NO_LIBRARY = {"pydoc_data", "idlelib", "lib2to3", "tkinter", "turtledemo", "test", "ensurepip", "distutils"}
NO_LIBRARY |= {"__phello__", "antigravity.py", "this.py", "turtle.py", "pydoc.py", "sitecustomize.py"}
PROGRAMS = {"torch_shm_manager"}  # the files of packages that are neither modules nor libraries
READ_THEIR_SOURCE = {"install_config_module", "_overload", "_overload_method", "interface"}
LICENCE = re.compile(r"(?i)licen[cs]e|copying|notice|copyright")

REFEREE, CONTESTANT = 10_001, 10_002
USERS = (("root", 0), ("referee", REFEREE), ("contestant", CONTESTANT))
FOLDERS = (
    ("attempt", REFEREE, 0o700),
    ("channel", REFEREE, 0o755),
    ("work", CONTESTANT, 0o700),
    ("artifacts", CONTESTANT, 0o700),
    ("data", 0, 0o755),
    ("tokenizers", 0, 0o755),
    ("proc", 0, 0o555),
    ("sys", 0, 0o555),
    ("dev", 0, 0o755),
    ("tmp", 0, 0o1777),
)


def main(arguments: list[str]) -> None:
    """One of the two."""
    sys.setrecursionlimit(50_000)  # the packages have expressions of thousands of terms
    if arguments[0] == "modules":
        compile_in_place(Path(arguments[1]))
    else:
        build_tree(Path(arguments[1]), Path(arguments[2]))


def build_tree(out: Path, site: Path) -> None:
    """Everything but the runner's own modules."""
    python, library = Path(os.path.realpath(sys.executable)), Path(sysconfig.get_path("stdlib"))
    sys.path.insert(0, str(site))
    documented = docstrings_of_compiled([library / "lib-dynload", site])
    link_as_here(out)
    copy_binary(python, out / python.relative_to("/"), documented)
    link_python(out, python)
    copy_modules(library, out, library, documented, NO_LIBRARY)
    copy_modules(site, out, Path(sysconfig.get_path("purelib")), documented, set())
    for needed in shared_libraries(out):
        copy_binary(needed, out / needed.relative_to("/"), documented)
    copy_locale(out)
    copy_licences(out, site)
    make_folders(out)


# --- modules and libraries ------------------------------------------------------------------------------------------


def copy_modules(source: Path, out: Path, place: Path, documented: set[bytes], left_out: set[str]) -> None:
    """Modules compiled and libraries blanked, from `source` to their place below `out`; nothing else comes along."""
    for path in sorted(source.rglob("*")):
        within = path.relative_to(source)
        if within.parts[0] in left_out or path.is_dir() or "__pycache__" in within.parts:
            continue
        if path.suffix == ".py":
            write_compiled(path, place / within, out)
        elif ".so" in path.suffixes or path.name in PROGRAMS:
            copy_binary(path, out / (place / within).relative_to("/"), documented)


def compile_in_place(folder: Path) -> None:
    """The runner's modules."""
    for path in sorted(folder.rglob("*.py")):
        write_compiled(path, path, Path("/"))
        path.unlink()


def write_compiled(path: Path, place: Path, out: Path) -> None:
    """The module's code as by -OO, with documentation blanked; tracebacks call it by its place below `out`."""
    try:
        tree = ast.parse(path.read_bytes())
    except SyntaxError:
        return  # a template, or of a later Python's syntax
    names = {getattr(node, name, None) for node in ast.walk(tree) for name in ("id", "attr", "name")}
    bare = ast.fix_missing_locations(Blanked().visit(tree))
    target = out / place.relative_to("/").with_suffix(".pyc")
    if names.isdisjoint(READ_THEIR_SOURCE):
        code = compile(bare, str(place), "exec", dont_inherit=True, optimize=2)
    else:  # some of torch's modules look through their own source when they are imported: it is kept, without comments
        source, beside = ast.unparse(bare), target.with_suffix(".py")
        code = compile(source, str(place), "exec", dont_inherit=True, optimize=2)
        write(beside, source.encode())
        target = Path(importlib.util.cache_from_source(str(beside), optimization=2))
    unchecked = (0b01).to_bytes(4, "little") + importlib.util.source_hash(b"")
    write(target, importlib.util.MAGIC_NUMBER + unchecked + marshal.dumps(code))


def copy_binary(source: Path, target: Path, documented: set[bytes]) -> None:
    """A program or a library, without documentation."""
    write(target, blanked(source.read_bytes(), documented))
    target.chmod(0o755)


def write(target: Path, raw: bytes) -> None:
    """A file and the folders above it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(raw)


# --- the rest of the tree -------------------------------------------------------------------------------------------


def link_as_here(out: Path) -> None:
    """The links of a merged /usr."""
    out.mkdir(parents=True)
    for name in ("bin", "lib", "lib64"):
        here = Path("/") / name
        if here.is_symlink():
            (out / name).symlink_to(os.readlink(here))
            (out / os.readlink(here)).mkdir(parents=True, exist_ok=True)


def link_python(out: Path, python: Path) -> None:
    """/usr/bin/python3, wherever Python itself is."""
    link = out / "usr/bin/python3"
    if link != out / python.relative_to("/"):
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(python)


def shared_libraries(out: Path) -> list[Path]:
    """What the binaries in the tree need from outside of it, the program interpreter included."""
    needed: set[Path] = set()
    for path in out.rglob("*"):
        if path.is_file() and not path.is_symlink() and path.suffix != ".pyc":
            listed = subprocess.run(["ldd", str(path)], capture_output=True, text=True).stdout
            for found in re.findall(r"(?:=> |^\s*)(/\S+) \(0x", listed, re.MULTILINE):
                if not found.startswith(f"{out}/"):
                    needed.add(Path(found))
    return sorted(needed)


def copy_locale(out: Path) -> None:
    """C.UTF-8, where the C library doesn't have it built in."""
    for name in ("C.utf8", "C.UTF-8"):
        folder = Path("/usr/lib/locale") / name
        if folder.is_dir():
            shutil.copytree(folder, out / folder.relative_to("/"))


def copy_licences(out: Path, site: Path) -> None:
    """Of every package that anything here is from."""
    folder = out / "usr/share/licences"
    for root in (Path("/usr/share/doc"), site):
        for path in sorted(root.rglob("*")):
            if path.is_file() and path.suffix not in (".py", ".pyc") and LICENCE.search(path.name):
                write(folder / path.relative_to(root), path.read_bytes())
    folder.chmod(0o700)


def make_folders(out: Path) -> None:
    """Places for mounts, and the users' names. A new named volume takes owner and mode from the folder it is put on."""
    for name, user, mode in FOLDERS:
        folder = out / name
        folder.mkdir()
        os.chown(folder, user, user)
        folder.chmod(mode)
    write(out / "etc/passwd", "".join(f"{name}:x:{id}:{id}::/nonexistent:/bin/false\n" for name, id in USERS).encode())
    write(out / "etc/group", "".join(f"{name}:x:{id}:\n" for name, id in USERS).encode())


if __name__ == "__main__":
    main(sys.argv[1:])
