"""Gives the contenders their turns, one after the other, round after round, and prints what each turn took.

    turns.py <rounds> <batches a turn>

/given holds a folder with spec.json and bundle for each refereed contender. Whoever trains runs on core 0, a referee on
core 1. A line is a JSON object: contender, seconds of wall clock, and seconds of CPU of both processes. The first turn
of each contender warms up and isn't printed. At the end every referee must have found nothing: exit code 1 otherwise.
"""

import json
import os
import select
import shutil
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

PYTHON = [sys.executable, "-P", "-s", "-B"]
TRAINING_CORE, REFEREE_CORE = 0, 1
PATIENCE_SECONDS = 1.0
TICKS = os.sysconf("SC_CLK_TCK")


class Contender:
    """One process that trains, perhaps with a referee."""

    def __init__(self, name: str, ending: ExitStack) -> None:
        self.name = name
        self.home = Path("/tmp") / name
        self._ending = ending
        self.processes: list[subprocess.Popen[bytes]] = []
        for folder in ("attempt/out", "channel", "work", "artifacts"):
            (self.home / folder).mkdir(parents=True)
        for pipe in ("granted", "ended"):
            os.mkfifo(self.home / "artifacts" / pipe)

    def start(self) -> None:
        if (given := Path("/given") / self.name).exists():
            shutil.copytree(given, self.home / "attempt" / "in")
            places = (f"--{place}-dir={self.home / place}" for place in ("attempt", "channel"))
            self._run(["-m", "prism_runner", "referee", *places], REFEREE_CORE)
            places = (f"--{place}-dir={self.home / place}" for place in ("channel", "work", "artifacts"))
            self._run(["-m", "prism_runner", "contestant", *places], TRAINING_CORE)
        else:
            self._run(["/bench/unrefereed.py", self.name, "/given/scored", str(self.home)], TRAINING_CORE)
        pipes = (os.open(self.home / "artifacts" / name, os.O_RDWR) for name in ("granted", "ended"))
        self._granted, self._ended = pipes  # both ways, so that opening waits for nobody
        self._await()

    def _run(self, command: list[str], core: int) -> None:
        with open(self.home / "out.log", "ab") as log:
            process = subprocess.Popen(
                [*PYTHON, *command], stdout=log, preexec_fn=lambda: os.sched_setaffinity(0, {core})
            )
        self._ending.callback(process.wait)
        self._ending.callback(process.kill)
        self.processes.append(process)

    def _await(self) -> None:
        while not select.select([self._ended], [], [], PATIENCE_SECONDS)[0]:
            if any(process.poll() is not None for process in self.processes):
                raise RuntimeError(f"{self.name} ended before its turn")
        os.read(self._ended, 1)

    def _grant(self, batches: int) -> None:
        os.write(self._granted, f"{batches}\n".encode())

    def take_turn(self, batches: int) -> dict[str, object]:
        """Let it learn so many batches."""
        cpu, wall = self._cpu_seconds(), time.perf_counter()
        self._grant(batches)
        self._await()
        wall = time.perf_counter() - wall
        return {"contender": self.name, "wallSeconds": wall, "cpuSeconds": self._cpu_seconds() - cpu}

    def _cpu_seconds(self) -> float:
        return sum(cpu_seconds(process.pid) for process in self.processes)

    def finish(self) -> None:
        """Let it return from its loop, and see that its referee has no complaint."""
        self._grant(0)
        for process in self.processes:
            process.wait()
        if (manifest := self.home / "attempt" / "out" / "prism_run_manifest.v2.json").exists():
            outcome = json.loads(manifest.read_text())["outcome"]
            if outcome["kind"] != "completed":
                raise RuntimeError(f"{self.name} ended otherwise: {outcome}")


def cpu_seconds(pid: int) -> float:
    """Of all threads of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def main(rounds: int, batches: int) -> None:
    with ExitStack() as ending:
        contenders = [Contender(name, ending) for name in ("bare", "recorder", "scored", "reused")]
        for contender in contenders:
            contender.start()
            contender.take_turn(batches)
        for round_ in range(rounds):
            first = round_ % len(contenders)
            for contender in contenders[first:] + contenders[:first]:
                print(json.dumps(contender.take_turn(batches)), flush=True)
        for contender in contenders:
            contender.finish()


main(int(sys.argv[1]), int(sys.argv[2]))
