"""How an attempt can end, and whose doing it was: completed, failed or lost (theirs), fault (ours)."""

from dataclasses import dataclass
from typing import Literal

from prism_runner.fields import well_formed

Verdict = Literal["contract", "exception", "parameterCap", "nan", "causality", "timeout"]


class AttemptFailed(Exception):
    """The contestant broke a rule, and the referee knows which."""

    def __init__(self, verdict: Verdict, message: str, where: str | None = None) -> None:
        super().__init__(message)
        self.verdict: Verdict = verdict
        self.message = well_formed(message)
        self.where = where  # file:line in the bundle, as the contestant claims


class AttemptLost(Exception):
    """The channel closed in the middle: the executor finds out why."""

    def __init__(self, phase: str, message: str) -> None:
        super().__init__(message)
        self.phase = phase
        self.message = message


@dataclass(frozen=True)
class Outcome:
    """The manifest's `outcome`; fields that a kind doesn't have are absent there."""

    kind: Literal["completed", "failed", "lost", "fault"]  # whose fault comes first
    message: str | None = None  # for people
    verdict: Verdict | None = None  # of `failed`
    where: str | None = None  # of `failed`: a claim
    phase: str | None = None  # of `lost`

    def as_json(self) -> dict[str, object]:
        """The object that PROTOCOL.md describes for this kind."""
        fields: dict[str, dict[str, object]] = {
            "completed": {},
            "failed": {"verdict": self.verdict, "where": self.where, "message": self.message},
            "lost": {"phase": self.phase, "message": self.message},
            "fault": {"message": self.message},
        }
        return {"kind": self.kind, **fields[self.kind]}


def outcome_of(error: BaseException) -> Outcome:
    """What an exception means. Only the two of this module can be the contestant's doing."""
    if isinstance(error, AttemptFailed):
        return Outcome("failed", error.message, verdict=error.verdict, where=error.where)
    if isinstance(error, AttemptLost):
        return Outcome("lost", error.message, phase=error.phase)
    return Outcome("fault", well_formed(f"{type(error).__name__}: {error}"[:2048]))
