"""`python3 -m prism_runner ROLE`, of those in ROLES below: picks the role and runs its steps.

Each role imports only what it needs: the inspector never loads torch, the referee never loads the adapter.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path


def referee(arguments: list[str]) -> int:
    """Serve one attempt and write its record and manifest."""
    from prism_runner.referee import Places, run

    return run(Places(**vars(referee_places().parse_args(arguments))))


def referee_places() -> argparse.ArgumentParser:
    """Where a referee's volumes are."""
    parser = argparse.ArgumentParser(prog="prism_runner referee")
    for name in ("attempt", "channel", "data", "tokenizers"):
        parser.add_argument(f"--{name}-dir", dest=name, type=Path, default=Path(f"/{name}"))
    parser.add_argument("--image-dir", dest="image", type=Path, default=Path("/"))
    return parser


def held_out(arguments: list[str]) -> int:
    """Put secret text to contestants that hold a run's exported state, and write the result."""
    from prism_runner.heldout import run
    from prism_runner.referee import Places

    return run(Places(**vars(referee_places().parse_args(arguments))))


def contestant(arguments: list[str]) -> int:
    """Give the submitted scripts their ctx and answer the referee's frames."""
    from prism_runner.contestant import Places, run

    given = contestant_places("contestant").parse_args(arguments)
    return run(Places(given.channel_dir, given.work_dir, given.artifacts_dir))


def contestant_places(role: str) -> argparse.ArgumentParser:
    """Where a contestant's folders are."""
    parser = argparse.ArgumentParser(prog=f"prism_runner {role}")
    for name in ("channel", "work", "artifacts"):
        parser.add_argument(f"--{name}-dir", type=Path, default=Path(f"/{name}"))
    return parser


def instantiation(arguments: list[str]) -> int:
    """Build the submitted model once, and say what it is like."""
    from prism_runner.contestant import Places
    from prism_runner.instantiation import run

    given = contestant_places("instantiation").parse_args(arguments)
    return run(sys.stdin.buffer, Places(given.channel_dir, given.work_dir, given.artifacts_dir))


def inspector(arguments: list[str]) -> int:
    """Parse bundles line by line and execute nothing."""
    from prism_runner.inspector import run

    argparse.ArgumentParser(prog="prism_runner inspector").parse_args(arguments)
    return run(sys.stdin.buffer, sys.stdout.buffer)


def device(arguments: list[str]) -> int:
    """Say what the container's GPU is."""
    from prism_runner.device import look

    argparse.ArgumentParser(prog="prism_runner device").parse_args(arguments)
    return look()


ROLES: dict[str, Callable[[list[str]], int]] = {
    "referee": referee,
    "heldout": held_out,
    "contestant": contestant,
    "inspector": inspector,
    "instantiation": instantiation,
    "device": device,
}


def main(arguments: list[str]) -> int:
    """Run the role named first; 2 when there is none of that name."""
    if not arguments or arguments[0] not in ROLES:
        print(f"usage: python3 -m prism_runner {'|'.join(ROLES)}", file=sys.stderr)
        return 2
    return ROLES[arguments[0]](arguments[1:])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
