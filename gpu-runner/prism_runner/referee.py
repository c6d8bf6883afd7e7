"""The referee: owns data, clock and arithmetic; never imports submitted code; writes record, cuts and manifest.

It opens no path that the contestant can write, and believes nothing that the contestant says but the logits' bytes.
"""

import hashlib
import json
import os
import sys
import traceback
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from prism_runner import canonical_json
from prism_runner.baseline import baseline_costs
from prism_runner.bundle import xz_bytes
from prism_runner.channel import Listener
from prism_runner.code_length import uniform_cost
from prism_runner.commitments import Commitments
from prism_runner.image_pages import hold_image, mapped_bytes
from prism_runner.judge import Judge
from prism_runner.manifest import Claims, Digests, Export, Measured, Spent, manifest, platform_of
from prism_runner.outcome import AttemptFailed, AttemptLost, Outcome, outcome_of
from prism_runner.record import Identity, Remainder, record_pieces, totals
from prism_runner.session import Session
from prism_runner.shards import load_stream_bytes
from prism_runner.spec import RunSpec, parse_spec
from prism_runner.state_file import StateFile
from prism_runner.stream import LaneReader, TokenStream, complement
from prism_runner.synced_files import publish
from prism_runner.tokenizers import load_tokenizer

RECORD_NAME = "record.json"
CUTS_NAME = "cuts.json"
MANIFEST_NAME = "prism_run_manifest.v2.json"
MOST_RELEASED_SPANS = 4096


@dataclass(frozen=True)
class Places:
    """Where the referee's volumes are mounted."""

    attempt: Path  # `in/` from the executor, `out/` for it; only the referee's
    channel: Path  # the socket's folder; the contestant sees it read-only
    data: Path  # locked shards of one split
    tokenizers: Path  # tables
    image: Path | None = None  # root of the image that contestants share; None where each has its own files


class Attempt:
    """What is known so far, so that a manifest can be written whenever it ends."""

    def __init__(self, places: Places, spec: RunSpec) -> None:
        self.places = places
        self.out = places.attempt / "out"
        self.spec = spec
        self.xz_bytes = 0
        self.stream: TokenStream | None = None
        self.session: Session | None = None


def run(places: Places) -> int:
    """One attempt. 0 when a manifest was written, whatever the verdict; an exception of ours ends the process."""
    torch.set_num_threads(1)
    spec = parse_spec((places.attempt / "in" / "spec.json").read_bytes())
    attempt = Attempt(places, spec)
    attempt.out.mkdir(exist_ok=True)
    try:
        hold_image_of(places)
        bundle = checked_bundle(places, spec)
        attempt.xz_bytes = xz_bytes(bundle)
        load_stream(attempt, bundle)
        converse(attempt, bundle)
        outcome = Outcome("completed")
    except Exception as error:  # outcome_of keeps ours and theirs apart
        if not isinstance(error, (AttemptFailed, AttemptLost)):
            traceback.print_exc()
        outcome = outcome_of(error)
    write_results(attempt, outcome)
    announce("done", {"outcome": outcome.kind})
    return 0


def hold_image_of(places: Places) -> None:
    """Before the socket listens: from then on a contestant may run."""
    if places.image is not None:
        before = mapped_bytes()
        held = hold_image(places.image)
        in_memory = min(max(mapped_bytes() - before, 0), held)
        announce("imageHeld", {"bytes": held, "inMemoryBytes": in_memory})


def checked_bundle(places: Places, spec: RunSpec) -> bytes:
    """The bundle's canonical bytes, checked against the code hash, and never unpacked here."""
    bundle = (places.attempt / "in" / "bundle").read_bytes()
    if hashlib.sha256(bundle).hexdigest() != spec.code_hash:
        raise ValueError("the bundle isn't the one that the spec names")
    return bundle


def load_stream(attempt: Attempt, bundle: bytes) -> None:
    """Verify the locked files, order and cut the documents, tokenise once."""
    spec, places = attempt.spec, attempt.places
    encode = load_tokenizer(spec.tokenizer, places.tokenizers, spec.tokenizers_digest, bundle)
    raw = load_stream_bytes(places.data, spec.data_digest, "train", spec.season_secret, spec.stream_bytes)
    attempt.stream = encode(raw)


def converse(attempt: Attempt, bundle: bytes) -> None:
    """Accept the one contestant and serve it until it is done."""
    if attempt.stream is None:
        raise ValueError("there is no stream to serve")
    commitments = Commitments(attempt.out, attempt.spec.runner_digest, lambda: platform_now(attempt))
    judge = Judge(attempt.spec, attempt.stream, baseline_costs(attempt.stream), commitments.close_group)
    listener = Listener(attempt.places.channel)
    announce("ready", {"streamBytes": attempt.stream.size_bytes, "streamTokens": len(attempt.stream.tokens)})
    channel = listener.accept(attempt.spec.limits.connect_seconds)
    announce("connected", {})
    spec, stream = attempt.spec, attempt.stream
    state = StateFile(attempt.out, spec.limits.max_state_bytes) if spec.export_state else None
    attempt.session = Session(channel, spec, stream, bundle, announce, judge, state)
    attempt.session.run()


def platform_now(attempt: Attempt) -> Mapping[str, object]:
    """The fingerprint, as far as it is known."""
    return platform_of(attempt.spec, attempt.session.gpu if attempt.session else None)


def remainder_of(lanes: LaneReader, stream: TokenStream) -> Remainder:
    """Lanes of one token, charged log V without a frame."""
    spans = lanes.remainder()
    tokens = sum(stop - start for start, stop in spans)
    return Remainder(tokens, stream.bytes_of(spans), tokens * uniform_cost(stream.vocab))


def exported(session: Session, completed: bool) -> Export | None:
    """Keep the exported state if the attempt is complete, else remove what came of it."""
    state, stream = session.state, session.stream
    if state is None:
        return None
    if not completed or state.exported is None:
        state.drop()
        return None
    state.keep()
    drawn = complement(session.lanes.undrawn(), len(stream.tokens))
    longest = sorted(drawn, key=lambda span: span[1] - span[0])[-MOST_RELEASED_SPANS:]
    released = tuple((stream.byte_ends[begin], stream.byte_ends[end]) for begin, end in sorted(longest))
    return Export(state.exported.digest, state.exported.size_bytes, session.batch_size, session.seq_len, released)


def write_results(attempt: Attempt, outcome: Outcome) -> None:
    """Record, cuts and state where there are any, then the manifest, last: one that exists is whole."""
    measured, digests = Measured(None, None, None, Claims(), Spent(), stopped_by_clock=False), Digests()
    if attempt.session is not None:
        measured, digests = write_measured(attempt.spec, attempt.session, outcome, attempt.out)
    facts = manifest(attempt.spec, outcome, measured, digests, attempt.xz_bytes)
    write_synced(attempt.out, MANIFEST_NAME, [canonical_json.encode(facts)])


def write_measured(spec: RunSpec, session: Session, outcome: Outcome, out: Path) -> tuple[Measured, Digests]:
    """What a run that has begun leaves: a record if it was completed, cuts also where they convict."""
    ledger, cuts = session.judge.ledger, session.judge.cuts
    completed = outcome.kind == "completed"
    remainder = remainder_of(session.lanes, session.stream) if completed else Remainder(0, 0, 0)
    record_digest = cuts_digest = None
    if completed:
        ledger.groups.close()
        identity = Identity(spec.code_hash, spec.seed, spec.tokenizer, spec.rows.fraction)
        record_digest = write_synced(out, RECORD_NAME, record_pieces(identity, ledger, remainder))
    if completed or outcome.verdict == "causality":
        cuts_digest = write_synced(out, CUTS_NAME, cuts.pieces())
    export, total = exported(session, completed), totals(ledger, remainder)
    how = (session.claims, session.spent(), session.stopped_by_clock)
    measured = Measured(ledger, cuts, total, *how, export, session.gpu)
    return measured, Digests(record_digest, cuts_digest, export.digest if export else None)


def write_synced(folder: Path, name: str, pieces: Iterable[bytes]) -> str:
    """Write to a temporary name, sync, rename, sync the folder. Returns the SHA-256."""
    digest = hashlib.sha256()
    temporary = folder / f".{name}"
    with open(temporary, "wb") as file:
        for piece in pieces:
            digest.update(piece)
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())
    publish(temporary, folder / name)
    return digest.hexdigest()


def announce(event: str, fields: Mapping[str, object]) -> None:
    """One line on stdout: for people and clocks, never a measurement."""
    sys.stdout.write(json.dumps({"event": event, **fields}) + "\n")
    sys.stdout.flush()
