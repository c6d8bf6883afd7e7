"""Hold every file of the image in memory for as long as contestants run.

Containers of one image share its files' cached pages, and reading a page takes longer where it isn't cached. A
contestant that has some pages forgotten and reads others leaves thousands of bits for whoever comes after it, or runs
beside it: what a held-out run has asked, or what a rerun will ask blind. Pages that a process has mapped aren't
forgotten on request. So all of them look alike, and stay so.

Does not: keep them where the host runs out of memory, or hide what else processes of one host can do to each other.
"""

import ctypes
import mmap
import os
import stat
from pathlib import Path

PROT_READ, MAP_PRIVATE, MAP_POPULATE = 1, 2, 0x8000
FAILED = ctypes.c_void_p(-1).value

libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]


def hold_image(root: Path) -> int:
    """Map whatever others may read under `root`, mounts left out, until this process ends; returns the bytes held."""
    total = 0
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if not os.path.ismount(os.path.join(folder, name))]
        total += sum(hold_file(os.path.join(folder, name)) for name in names)
    return total


def mapped_bytes() -> int:
    """Of files, in memory, mapped by this process: it falls short of what is held where memory ran out."""
    return int(Path("/proc/self/statm").read_text().split()[2]) * mmap.PAGESIZE


def hold_file(path: str) -> int:
    """Map a regular file with all of its pages; returns its size, 0 where it can't be had."""
    try:
        if not stat.S_ISREG(os.lstat(path).st_mode):
            return 0
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:  # one that only root may read, or that has just gone
        return 0
    try:
        size = os.fstat(descriptor).st_size
        # Python's own mmap would keep a descriptor for each.
        mapped = libc.mmap(None, size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, descriptor, 0) if size else FAILED
        return 0 if mapped == FAILED else size
    finally:
        os.close(descriptor)
