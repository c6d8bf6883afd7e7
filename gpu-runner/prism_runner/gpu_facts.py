"""What a contestant's GPU is, as its runner says before any submitted code runs: part of the platform fingerprint."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from prism_runner.channel import ChannelViolation
from prism_runner.fields import Fields, nested, text

LONGEST_FACT_BYTES = 256
LONGEST_REASON_BYTES = 4096


class DeviceMissing(Exception):
    """The device that the spec names isn't there, or doesn't work: the host's fault, and never a bundle's."""


@dataclass(frozen=True)
class GpuFacts:
    """Whatever may change a number: results compare exactly only where all of it is the same."""

    name: str  # such as `NVIDIA H100 80GB HBM3`
    capability: str  # compute capability, such as `9.0`
    driver: str  # version of the kernel's driver
    cuda: str  # version that torch was built for
    cudnn: str  # version that torch loads, as one number

    def as_json(self) -> dict[str, str]:
        """`gpu` in `ready` and in the fingerprint."""
        return asdict(self)


def heard_ready(header: Fields, device: str) -> Mapping[str, str] | None:
    """The GPU that `ready` tells of; None on `cpu`. Nothing submitted has run yet: whatever this raises is our fault.

    Raises DeviceMissing where the contestant found none (`unfit`), ChannelViolation and FieldError.
    """
    if header["kind"] == "unfit":
        raise DeviceMissing(text(header, "reason", LONGEST_REASON_BYTES))
    if header["kind"] != "ready":
        raise ChannelViolation(f"`{header['kind']}` in place of `ready`")
    if device == "cpu":
        return None
    said = nested(header, "gpu")
    names = ("name", "capability", "driver", "cuda", "cudnn")
    return GpuFacts(*(text(said, name, LONGEST_FACT_BYTES) for name in names)).as_json()
