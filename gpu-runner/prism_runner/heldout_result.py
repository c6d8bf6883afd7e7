"""The result of a held-out run (`prism_heldout.v1`): all that ever leaves it.

The contestants have seen secret text, so nothing of theirs is in here but a verdict from a closed list and numbers
rounded to 1e-4 bits a byte: no message, no place, no curve.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy
from numpy.typing import NDArray

from prism_runner.code_length import MICRO_NATS

SCHEMA = "prism_heldout.v1"
DECIMALS = 4

Role = Literal["trained", "witness", "twin"]


@dataclass(frozen=True)
class Estimate:
    """Bits per raw byte, with the standard error of resampled documents."""

    bits_per_byte: float
    standard_error: float

    def as_json(self) -> dict[str, float]:
        """Rounded."""
        return {
            "bitsPerByte": round(self.bits_per_byte, DECIMALS),
            "standardErrorBpb": round(self.standard_error, DECIMALS),
        }


@dataclass(frozen=True)
class Counts:
    """Of the text and of the questions; they say nothing of its content."""

    documents: int  # units with at least one predicted token
    bytes: int  # raw bytes of predicted tokens: what the estimates divide by
    tokens: int  # predicted
    cuts: int  # put to the witness


@dataclass(frozen=True)
class HeldOutResult:
    """How it ended, and where it was measured, what came out."""

    verdict: Literal["measured", "disagree", "failed", "lost", "fault"]  # failed and lost: see `reason`
    reason: str | None = None  # of failed: contract … timeout; of lost: the phase; of fault: a kind of exception
    contestant: Role | None = None  # of failed and lost: which one
    trained: Estimate | None = None  # the exported state
    twin: Estimate | None = None  # the random-init twin, clipped: val side only
    delta: Estimate | None = None  # twin - trained, documents resampled together: val side only
    counts: Counts | None = None  # of measured and disagree


def result_json(
    provenance: Mapping[str, object], side: str, state_digest: str, result: HeldOutResult
) -> dict[str, object]:
    """The document as JSON values."""
    counts = result.counts
    return {
        "schema": SCHEMA,
        "provenance": provenance,
        "side": side,
        "stateDigest": state_digest,
        "verdict": result.verdict,
        "reason": result.reason,
        "contestant": result.contestant,
        "trained": result.trained.as_json() if result.trained else None,
        "twin": result.twin.as_json() if result.twin else None,
        "delta": result.delta.as_json() if result.delta else None,
        "counts": None if counts is None else vars(counts),
    }


def estimate(micro_nats: NDArray[numpy.int64], sizes: NDArray[numpy.int64], seed: int, resamples: int) -> Estimate:
    """Bits per byte of documents' costs and sizes; resampled with replacement, the same for the same seed."""
    bits = micro_nats / MICRO_NATS / math.log(2)
    held = numpy.flatnonzero(sizes)
    generator = numpy.random.default_rng(seed)
    ratios = numpy.empty(resamples)
    for index in range(resamples):
        drawn = generator.choice(held, len(held))
        ratios[index] = bits[drawn].sum() / sizes[drawn].sum()
    return Estimate(float(bits.sum() / sizes.sum()), float(ratios.std(ddof=1)))
