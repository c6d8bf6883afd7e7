"""What the executor asks of a held-out run: a run spec, and beside its fields the object `heldOut`."""

import re
from dataclasses import dataclass

from prism_runner.fields import FieldError, Fields, choice, integer, nested, parse_object, text
from prism_runner.spec import LARGEST, RunSpec, parse_spec
from prism_runner.stream import Span


@dataclass(frozen=True)
class HeldOut:
    """The questions of a held-out run."""

    side: str  # the split that is asked about: `val`, or `train` for the other end of the gap
    batch_size: int  # B of the frames: of the run's last iterator
    seq_len: int  # T of the frames: of the run's last iterator
    token_budget: int  # tokens of the run's stream: ctx says the same as it did there
    text_bytes: int  # raw bytes to measure on
    released: tuple[Span, ...]  # train side: byte ranges of the stream that the run released
    state_digest: str  # SHA-256 of state.safetensors
    cut_key: bytes  # 32 bytes that the witness's cuts are drawn by
    cuts: int  # at least that many are put to the witness
    equality_bound: int  # microNats by which a blind answer may differ from the claim
    resamples: int  # of the documents, for the standard errors


def parse_held_out(raw: bytes) -> tuple[RunSpec, HeldOut]:
    """Both parts of the spec. Raises FieldError."""
    run, fields = parse_spec(raw), nested(parse_object(raw), "heldOut")
    batch_tokens = run.limits.max_batch_tokens
    return run, HeldOut(
        side=choice(fields, "side", ("val", "train")),
        batch_size=integer(fields, "batchSize", 1, batch_tokens),
        seq_len=integer(fields, "seqLen", 2, run.limits.max_seq_len),
        token_budget=integer(fields, "tokenBudget", 1, LARGEST),
        text_bytes=integer(fields, "bytes", 1, 2**30),
        released=_spans(fields),
        state_digest=_hex(fields, "stateDigest"),
        cut_key=bytes.fromhex(_hex(fields, "cutKey")),
        cuts=integer(fields, "cuts", 1, 2**20),
        equality_bound=integer(fields, "equalityBoundMicroNats", 0, LARGEST),
        resamples=integer(fields, "resamples", 2, 100_000),
    )


def _hex(fields: Fields, name: str) -> str:
    value = text(fields, name)
    if re.fullmatch(r"[0-9a-f]{64}", value) is None:
        raise FieldError(f"{name} must be 32 bytes in lower-case hex")
    return value


def _spans(fields: Fields) -> tuple[Span, ...]:
    """Disjoint ranges in order; none on the val side."""
    listed, spans = fields.get("released", []), list[Span]()
    if not isinstance(listed, list) or not all(isinstance(pair, list) and len(pair) == 2 for pair in listed):
        raise FieldError("released must be a list of [begin, end]")
    for begin, end in listed:
        least = spans[-1][1] if spans else 0
        start = integer({"released": begin}, "released", least, LARGEST)
        spans.append((start, integer({"released": end}, "released", start, LARGEST)))
    return tuple(spans)
