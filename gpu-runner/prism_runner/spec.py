"""The run spec (`prism_run_spec.v2`): what the executor asks of an attempt. A spec that doesn't parse is our fault."""

import re
from dataclasses import dataclass

from prism_runner.fields import FieldError, Fields, choice, flag, integer, nested, number, parse_object, seconds, text

LARGEST = 2**53 - 1


@dataclass(frozen=True)
class Entrypoint:
    """A role's script and the callable in it."""

    path: str  # bundle path of the script, with slashes
    symbol: str  # name that the script must bind to a callable


@dataclass(frozen=True)
class Limits:
    """Bounds that the referee holds the contestant to."""

    max_parameters: int  # parameters and buffers on realised shapes
    max_seq_len: int  # largest T that an iterator may ask for
    default_seq_len: int  # T when the iterator names none; ctx.max_seq_len
    max_layers: int  # told to the bundle, not enforced
    max_batch_tokens: int  # largest B * T
    budget_seconds: float  # from `ready` until the stream ends by the clock
    shown_budget_seconds: float  # ctx.budget_seconds: the same in a run and its reruns, whatever time they have
    grace_seconds: float  # from that end until the attempt is given up
    frame_seconds: float  # for answering one frame
    connect_seconds: float  # for the contestant's connection
    setup_seconds: float  # from hello to the first open
    max_state_bytes: int  # of an exported state


@dataclass(frozen=True)
class DecoyPlan:
    """How the contestant is examined (decoys.py)."""

    cut_key: bytes  # 32 bytes; one a run, the same in all its attempts
    cuts_per_megabyte: float  # cuts for 10^6 newly covered bytes
    frames_per_batch: float  # at least this many decoy frames a batch
    equality_bound_micro_nats: int  # a cut is exceeding when a cost before it differs by more


@dataclass(frozen=True)
class RowSample:
    """Which share of the rows is scored (sampling.py)."""

    key: bytes  # 32 bytes; the same in a run and its reruns
    fraction: float  # over 0, at most 1; 1: every row


@dataclass(frozen=True)
class RunSpec:
    """One attempt: provenance, seed, stream, examination, bounds."""

    submission_id: str  # provenance, copied into the manifest
    run: str  # provenance
    purpose: str  # `score`, `rerun` or `heldOut`
    attempt: int  # 1, 2, …
    fencing_token: int  # of the lease that this attempt runs under
    code_hash: str  # SHA-256 of the canonical bundle
    runner_digest: str  # identity of this runner's image
    data_digest: str  # SHA-256 of the data's MANIFEST.json
    tokenizers_digest: str  # SHA-256 of the tokenizers' MANIFEST.json
    seed: int  # forced seed, 0 … 2^31 - 1
    season_secret: bytes  # keys the document order
    stream_bytes: int  # raw UTF-8 bytes of the stream
    tokenizer: str  # `bytes`, `gpt2`, `llama`, or the bundle path of a declared one, which ends in `.json`
    architecture: Entrypoint  # build_model
    training: Entrypoint  # train
    decoys: DecoyPlan  # where it is asked blind
    rows: RowSample  # what is scored
    limits: Limits  # bounds
    device: str  # `cpu` or `cuda`
    world_size: int  # processes of the contestant; 1 in a scored run
    backend: str  # `gloo`; `nccl` on `cuda`
    threads: int  # torch threads a process
    export_state: bool  # the last model's state is handed over at the end
    seed_audit: bool  # the contestant reports what of its model doesn't depend on the seed


def parse_spec(raw: bytes) -> RunSpec:
    """The spec in `raw`. Raises FieldError, which names the field."""
    fields = parse_object(raw)
    choice(fields, "schema", ("prism_run_spec.v2",))
    device = choice(fields, "device", ("cpu", "cuda"))
    return RunSpec(
        submission_id=text(fields, "submissionId"),
        run=text(fields, "run"),
        purpose=choice(fields, "purpose", ("score", "rerun", "heldOut")),
        attempt=integer(fields, "attempt", 1, LARGEST),
        fencing_token=integer(fields, "fencingToken", 0, LARGEST),
        code_hash=_digest(fields, "codeHash"),
        runner_digest=_digest(fields, "runnerDigest"),
        data_digest=_digest(fields, "dataDigest"),
        tokenizers_digest=_digest(fields, "tokenizersDigest"),
        seed=integer(fields, "seed", 0, 2**31 - 1),
        season_secret=_secret(fields, "seasonSecret"),
        stream_bytes=integer(fields, "streamBytes", 1, LARGEST),
        tokenizer=tokenizer_name(fields),
        architecture=_entrypoint(fields, "architecture"),
        training=_entrypoint(fields, "training"),
        decoys=_decoys(nested(fields, "decoys")),
        rows=_rows(nested(fields, "rows")),
        limits=_limits(nested(fields, "limits")),
        device=device,
        world_size=integer(fields, "worldSize", 1, 8),
        backend=choice(fields, "backend", ("nccl" if device == "cuda" else "gloo",)),
        threads=integer(fields, "threads", 1, 1024),
        export_state=flag(fields, "exportState"),
        seed_audit=flag(fields, "seedAudit"),
    )


def _limits(fields: Fields) -> Limits:
    max_parameters = integer(fields, "maxParameters", 1, LARGEST)
    largest_state = max_parameters * 44 // 10 + (1 << 20)  # float32, a tenth more, and room for the header
    return Limits(
        max_parameters=max_parameters,
        max_seq_len=integer(fields, "maxSeqLen", 16, 2**20),
        default_seq_len=integer(fields, "defaultSeqLen", 16, 2**20),
        max_layers=integer(fields, "maxLayers", 1, LARGEST),
        max_batch_tokens=integer(fields, "maxBatchTokens", 16, 2**24),
        budget_seconds=seconds(fields, "budgetSeconds"),
        shown_budget_seconds=seconds(fields, "shownBudgetSeconds"),
        grace_seconds=seconds(fields, "graceSeconds"),
        frame_seconds=seconds(fields, "frameSeconds"),
        connect_seconds=seconds(fields, "connectSeconds"),
        setup_seconds=seconds(fields, "setupSeconds"),
        max_state_bytes=integer({"maxStateBytes": largest_state, **fields}, "maxStateBytes", 1, LARGEST),
    )


def _decoys(fields: Fields) -> DecoyPlan:
    return DecoyPlan(
        cut_key=_key(fields, "cutKey"),
        cuts_per_megabyte=number(fields, "cutsPerMegabyte", 0, 1e6),
        frames_per_batch=number(fields, "framesPerBatch", 0, 1000),
        equality_bound_micro_nats=integer(fields, "equalityBoundMicroNats", 0, LARGEST),
    )


def _rows(fields: Fields) -> RowSample:
    fraction = number(fields, "fraction", 0, 1)
    if fraction == 0:
        raise FieldError("fraction must be over 0")
    return RowSample(_key(fields, "key"), fraction)


def tokenizer_name(fields: Fields) -> str:
    """`bytes`, `gpt2`, `llama`, or the path of a declared one."""
    if not isinstance(fields.get("tokenizer"), dict):
        return choice(fields, "tokenizer", ("bytes", "gpt2", "llama"))
    path = text(nested(nested(fields, "tokenizer"), "bpe"), "path")
    if not path.endswith(".json"):
        raise FieldError("path of a declared tokenizer must end in .json")
    return path


def _entrypoint(fields: Fields, role: str) -> Entrypoint:
    given = nested(fields, role)
    return Entrypoint(text(given, "entrypoint"), text(given, "symbol"))


def _digest(fields: Fields, name: str) -> str:
    value = text(fields, name)
    if re.fullmatch(r"[0-9a-f]{64}", value) is None:
        raise FieldError(f"{name} must be a lower-case hex SHA-256")
    return value


def _secret(fields: Fields, name: str) -> bytes:
    try:
        return bytes.fromhex(text(fields, name))
    except ValueError as error:
        raise FieldError(f"{name} must be hex") from error


def _key(fields: Fields, name: str) -> bytes:
    key = _secret(fields, name)
    if len(key) != 32:
        raise FieldError(f"{name} must have 32 bytes")
    return key
