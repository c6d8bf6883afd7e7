"""The run manifest (`prism_run_manifest.v2`): the facts of an attempt, written by the referee alone."""

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from prism_runner.code_length import MICRO_NATS, uniform_cost
from prism_runner.cuts import CutLog, Sums
from prism_runner.outcome import Outcome
from prism_runner.record import Ledger, Totals
from prism_runner.spec import RunSpec
from prism_runner.stream import Span

MOST_POINTS = 500


@dataclass(frozen=True)
class Claims:
    """What the contestant said of itself: reported, never scored."""

    parameters: int = 0  # parameters and buffers, the last number claimed
    deterministic: bool = False  # no operation warned that it has no deterministic form
    seed_audit: Mapping[str, int] | None = None  # what of the model doesn't depend on the seed
    peak_vram_bytes: int | None = None  # the most of a GPU's memory that torch held


@dataclass(frozen=True)
class Spent:
    """Where the wall clock's seconds went."""

    setup: float = 0.0  # from hello to the first open
    frames: float = 0.0  # asking, answering and judging frames
    training: float = 0.0  # between a release and the next request
    total: float = 0.0  # from hello to the end


@dataclass(frozen=True)
class Export:
    """What a held-out run needs of this one."""

    digest: str  # SHA-256 of state.safetensors
    size_bytes: int  # of state.safetensors
    batch_size: int  # B of the last iterator
    seq_len: int  # T of the last iterator
    released: tuple[Span, ...]  # byte ranges of the stream that were released, the longest if there are very many


@dataclass(frozen=True)
class Measured:
    """All that a manifest says of the run itself."""

    ledger: Ledger | None  # None: nobody connected
    cuts: CutLog | None  # None with the ledger
    totals: Totals | None  # None with the ledger
    claims: Claims  # of the contestant
    spent: Spent  # seconds
    stopped_by_clock: bool  # the budget ended the stream
    export: Export | None = None  # of a completed run that was asked for its state
    gpu: Mapping[str, str] | None = None  # what the contestant computed on; None: the CPU, or it wasn't ready


@dataclass(frozen=True)
class Digests:
    """SHA-256 of the files beside the manifest; None: there is no such file."""

    record: str | None = None
    cuts: str | None = None
    state: str | None = None


def manifest(spec: RunSpec, outcome: Outcome, measured: Measured, digests: Digests, xz_bytes: int) -> dict[str, object]:
    """The manifest as JSON values."""
    ledger = measured.ledger
    step0 = _nats_a_token(ledger, 0) if ledger and ledger.rows else None
    return {
        "schema": "prism_run_manifest.v2",
        "provenance": provenance(spec, measured.gpu),
        "outcome": outcome.as_json(),
        "recordDigest": digests.record,
        "cutsDigest": digests.cuts,
        "stateDigest": digests.state,
        "export": _export(measured.export),
        "xzBytes": xz_bytes,
        "metrics": _metrics(measured, step0),
        "heldout": None,
        "anti_cheat": _anti_cheat(measured),
        "compute": _compute(spec, measured),
        "deterministic": measured.claims.deterministic,
        "stoppedByClock": measured.stopped_by_clock,
        "score": {
            "schema": "prism_score.v2",
            "primary_metric": "prequential_bpb",
            "lower_is_better": True,
            "miner_reported_ignored": True,
        },
    }


def _anti_cheat(measured: Measured) -> Mapping[str, object]:
    """What the referee noticed; sums over all cuts are raw, the tests are made from the cuts' document."""
    ledger, cuts = measured.ledger, measured.cuts
    sums = cuts.sums() if cuts else Sums(0, 0, 0)
    return {
        "step0_anomaly": ledger is not None and is_step0_anomalous(ledger),
        "nan_inf_detected": ledger is not None and ledger.unusable_batches > 0,
        "causality": {
            "cuts": cuts.count if cuts else 0,
            "exceeding": cuts.exceeding if cuts else 0,
            "worst": cuts.worst.as_json() if cuts and cuts.worst else None,
        },
        "blind_mean": {
            "frames": len(cuts.batches) if cuts else 0,
            "cuts": cuts.count if cuts else 0,
            "blindMicroNats": sums.blind,
            "claimedMicroNats": sums.claimed,
            "baselineMicroNats": sums.baseline,
        },
        "seed_audit": measured.claims.seed_audit,
    }


def provenance(spec: RunSpec, gpu: Mapping[str, str] | None) -> Mapping[str, object]:
    """Of which run, by which code on which data, and where."""
    return {
        "submissionId": spec.submission_id,
        "run": spec.run,
        "purpose": spec.purpose,
        "attempt": spec.attempt,
        "fencingToken": spec.fencing_token,
        "codeHash": spec.code_hash,
        "seed": spec.seed,
        "runnerDigest": spec.runner_digest,
        "dataDigest": spec.data_digest,
        "tokenizersDigest": spec.tokenizers_digest,
        "platform": platform_of(spec, gpu),
    }


def platform_of(spec: RunSpec, gpu: Mapping[str, str] | None) -> Mapping[str, object]:
    """The fingerprint: results compare exactly only where it is the same."""
    return {
        "torch": str(torch.__version__),
        "python": platform.python_version(),
        "cpu": _cpu_model(),
        "capability": torch.backends.cpu.get_cpu_capability(),
        "threads": spec.threads,
        "device": spec.device,
        **({"gpu": gpu} if gpu else {}),
    }


def _cpu_model() -> str:
    """The first `model name` of /proc/cpuinfo, or the machine type where there is none."""
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _export(export: Export | None) -> Mapping[str, object] | None:
    if export is None:
        return None
    return {
        "bytes": export.size_bytes,
        "batchSize": export.batch_size,
        "seqLen": export.seq_len,
        "released": export.released,
    }


def _metrics(measured: Measured, step0: float | None) -> Mapping[str, object]:
    ledger, total = measured.ledger, measured.totals
    indices = curve_indices(len(ledger.rows)) if ledger else []
    return {
        "sum_neg_log_likelihood_nats": total.micro_nats / MICRO_NATS if total else 0,
        "covered_bytes": total.covered_bytes if total else 0,
        "predicted_tokens": total.predicted_tokens if total else 0,
        "step0_loss": step0,
        "online_loss": [_nats_a_token(ledger, index) for index in indices] if ledger else [],
        "covered_bytes_cumulative": [ledger.covered_bytes[index] for index in indices] if ledger else [],
    }


def curve_indices(batches: int) -> list[int]:
    """At most 500 batches, evenly spaced, the first and the last among them."""
    if batches <= MOST_POINTS:
        return list(range(batches))
    return [point * (batches - 1) // (MOST_POINTS - 1) for point in range(MOST_POINTS)]


def is_step0_anomalous(ledger: Ledger) -> bool:
    """The first batch cost less than half of ln V a token, which no random initialisation can do. In exact integers."""
    if not ledger.rows:
        return False
    cost, tokens = _scored(ledger, 0)
    return 2 * cost < tokens * uniform_cost(ledger.stream.vocab)


def _nats_a_token(ledger: Ledger, index: int) -> float:
    """Mean cost of a batch's scored tokens."""
    cost, tokens = _scored(ledger, index)
    return cost / tokens / MICRO_NATS


def _scored(ledger: Ledger, index: int) -> tuple[int, int]:
    """microNats and number of a batch's scored tokens; its lane-first ones, which nobody predicted, are left out."""
    cost = ledger.micro_nats[index] - ledger.first_tokens[index] * uniform_cost(ledger.stream.vocab)
    return cost, ledger.scored_rows[index] * (ledger.lengths[index] - 1)


def _compute(spec: RunSpec, measured: Measured) -> Mapping[str, object]:
    tokens = measured.totals.predicted_tokens if measured.totals else 0
    spent = measured.spent
    return {
        "parameters": measured.claims.parameters,
        "tokens": tokens,
        "flops_estimate": 6.0 * measured.claims.parameters * tokens,  # a float: it outgrows 2^53
        "peak_rss_bytes": None,  # the contestant's memory can't be seen from here; the executor knows it
        **({"peak_vram_bytes": measured.claims.peak_vram_bytes} if spec.device == "cuda" else {}),
        "seconds": {
            "setup": round(spent.setup, 3),
            "frames": round(spent.frames, 3),
            "training": round(spent.training, 3),
            "total": round(spent.total, 3),
        },
    }
