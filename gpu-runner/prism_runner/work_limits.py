"""Limits on what submitted code may use until it has answered: CPU, wall clock and memory, from where it begins.

A thread watches, since a signal would wait for the interpreter to come back from a long operation, and says in which
line of the bundle the time went. Behind it stand the kernel's limits, which nothing in this process can lift.
"""

import resource
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from prism_runner.submitted import innermost_line, stack_of

WALL_PER_CPU_SECOND = 3  # for a process that is idle, or waits for a disk
KERNEL_GRACE_SECONDS = 2  # for the watch to speak first
RESERVE_BYTES = 256 << 20  # to report with, once memory has run out
LOOK_EVERY_SECONDS = 0.05


@dataclass(frozen=True)
class TimeUp:
    """A phase that took too long."""

    where: str | None  # file:line of the bundle's innermost line that was at work
    cpu_seconds: float  # that the phase had used
    wall_seconds: float  # that it had taken, without what it waited for a core


class Watch:
    """Watches one phase at a time. `on_time_up` runs in the watching thread, at most once."""

    def __init__(self, root: Path, cpu_seconds: int, on_time_up: Callable[[TimeUp], None]) -> None:
        self._root = root
        self._cpu_seconds = cpu_seconds
        self._on_time_up = on_time_up
        self._main = threading.get_ident()
        self._waits = Path(f"/proc/self/task/{threading.get_native_id()}/schedstat")
        self.next_phase(WALL_PER_CPU_SECOND * cpu_seconds)
        threading.Thread(target=self._look, daemon=True).start()

    def next_phase(self, wall_seconds: float) -> None:
        """Count anew from here; the CPU seconds are the same for every phase."""
        self._began = (time.process_time(), self._wall(), wall_seconds)

    def _look(self) -> None:
        pause = threading.Event()
        while True:
            pause.wait(LOOK_EVERY_SECONDS)
            cpu_before, wall_before, wall_limit = self._began
            cpu, wall = time.process_time() - cpu_before, self._wall() - wall_before
            if cpu > self._cpu_seconds or wall > wall_limit:
                at_work = sys._current_frames().get(self._main)
                where = None if at_work is None else innermost_line(self._root, stack_of(at_work))
                self._on_time_up(TimeUp(where, round(cpu, 3), round(wall, 3)))
                return

    def _wall(self) -> float:
        """Seconds, less those that the main thread was ready to run and no core was free: a busy host is our fault."""
        try:
            waited = int(self._waits.read_text().split()[1]) / 1e9
        except (OSError, IndexError, ValueError):  # a kernel that doesn't count it
            waited = 0.0
        return time.monotonic() - waited


def limit_cpu(seconds: float) -> None:
    """The kernel ends this process after so many more CPU seconds, rounded up."""
    most = int(time.process_time() + seconds) + 1 + KERNEL_GRACE_SECONDS
    resource.setrlimit(resource.RLIMIT_CPU, (most, most + KERNEL_GRACE_SECONDS))


def limit_memory(more_bytes: int) -> None:
    """Allocations fail once this process holds so much more than now."""
    most = data_bytes() + more_bytes
    resource.setrlimit(resource.RLIMIT_DATA, (most, most + RESERVE_BYTES))


def open_reserve() -> None:
    """Let a process out of memory report that it is."""
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (hard, hard))


def data_bytes() -> int:
    """Private writable memory of this process, as RLIMIT_DATA counts it."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmData:"):
            return int(line.split()[1]) * 1024
    return 0
