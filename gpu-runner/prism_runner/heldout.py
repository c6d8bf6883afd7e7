"""The held-out referee: puts secret text to contestants that hold a run's exported state, one after the other.

    val:    trained (true rows) → witness (the same state, the same rows with cuts) → twin (no state)
    train:  trained, on text that the run released

Each contestant is a container of its own with a socket folder of its own, so that none can wait for the next one's
place. It keeps no log, and writes one document: out/heldout.json.
"""

import hashlib
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path

import torch

from prism_runner import canonical_json
from prism_runner.channel import Listener
from prism_runner.heldout_measure import (
    EXCEEDING_ROWS,
    MicroNats,
    Questions,
    Witnessed,
    answer_true_rows,
    answer_with_cuts,
    by_unit,
    clipped,
    cut_into_frames,
)
from prism_runner.heldout_result import Counts, HeldOutResult, Role, estimate, result_json
from prism_runner.heldout_session import HeldOutSession, Opening
from prism_runner.heldout_spec import HeldOut, parse_held_out
from prism_runner.heldout_text import load_text
from prism_runner.manifest import provenance
from prism_runner.opening import context_values
from prism_runner.outcome import AttemptFailed, AttemptLost
from prism_runner.referee import Places, announce, checked_bundle, hold_image_of, write_synced
from prism_runner.spec import RunSpec
from prism_runner.state_file import LONGEST_PIECE, STATE_NAME
from prism_runner.tokenizers import load_tokenizer

RESULT_NAME = "heldout.json"


def run(places: Places) -> int:
    """One held-out attempt. 0 when a result was written, whatever the verdict."""
    torch.set_num_threads(1)
    spec, held_out = parse_held_out((places.attempt / "in" / "spec.json").read_bytes())
    measuring = Measuring(places, spec, held_out)
    try:
        result = measuring.run()
    except AttemptFailed as error:
        result = HeldOutResult("failed", error.verdict, measuring.contestant)
    except AttemptLost as error:
        result = HeldOutResult("lost", error.phase, measuring.contestant)
    except Exception as error:
        traceback.print_exc()
        result = HeldOutResult("fault", type(error).__name__)
    out = places.attempt / "out"
    out.mkdir(exist_ok=True)
    facts = result_json(provenance(spec, measuring.gpu), held_out.side, held_out.state_digest, result)
    write_synced(out, RESULT_NAME, [canonical_json.encode(facts)])
    announce("done", {"outcome": result.verdict})
    return 0


class Measuring:
    """One attempt; `contestant` says who was being asked when it raised."""

    def __init__(self, places: Places, spec: RunSpec, held_out: HeldOut) -> None:
        self._places = places
        self._spec = spec
        self._held_out = held_out
        self._started = 0
        self.contestant: Role | None = None
        self.gpu: Mapping[str, str] | None = None  # of the newest contestant

    def run(self) -> HeldOutResult:
        """Load, ask one contestant after the other, compare, estimate."""
        spec, held_out = self._spec, self._held_out
        hold_image_of(self._places)
        self._state = checked_state(self._places.attempt / "in" / STATE_NAME, held_out.state_digest)
        self._bundle = checked_bundle(self._places, spec)
        encode = load_tokenizer(spec.tokenizer, self._places.tokenizers, spec.tokenizers_digest, self._bundle)
        self._text = load_text(self._places.data, spec, held_out, encode)
        questions = cut_into_frames(self._text, held_out)
        trained: list[MicroNats] = []
        self._ask("trained", answer_true_rows(questions, trained))
        if held_out.side == "train":
            return self._measured(questions, trained, None, 0)
        witnessed = Witnessed()
        self._ask("witness", answer_with_cuts(questions, held_out, trained, witnessed))
        if witnessed.exceeding_rows >= EXCEEDING_ROWS:
            return HeldOutResult("disagree")
        twin: list[MicroNats] = []
        self._ask("twin", answer_true_rows(questions, twin))
        return self._measured(questions, trained, clipped(twin, self._text.stream.vocab), witnessed.cuts)

    def _ask(self, role: Role, put_questions: Callable[[HeldOutSession], None]) -> None:
        """Wait for the next contestant and put the questions to it."""
        number, self.contestant = self._started, role
        self._started += 1
        spec, vocab = self._spec, self._text.stream.vocab
        context = {**context_values(spec, self._text.stream), "tokenBudget": self._held_out.token_budget}
        state = None if role == "twin" else self._state
        listener = Listener(self._places.channel / str(number))
        announce("ready", {"contestant": number})
        channel = listener.accept(spec.limits.connect_seconds)
        announce("connected", {"contestant": number})
        session = HeldOutSession(channel, spec, Opening(context, self._bundle, state, vocab), announce)
        try:
            session.run(put_questions)
        finally:
            self.gpu = session.gpu or self.gpu
        announce("contestantDone", {"contestant": number})

    def _measured(
        self, questions: Questions, trained: list[MicroNats], twin: list[MicroNats] | None, cuts: int
    ) -> HeldOutResult:
        seed, resamples = self._spec.seed, self._held_out.resamples
        nats, sizes = by_unit(questions, self._text, trained)
        counts = Counts(
            documents=int((sizes > 0).sum()),
            bytes=int(sizes.sum()),
            tokens=sum(batch.predicted_tokens for batch in questions.batches),
            cuts=cuts,
        )
        ours = estimate(nats, sizes, seed, resamples)
        if twin is None:
            return HeldOutResult("measured", trained=ours, counts=counts)
        theirs, _ = by_unit(questions, self._text, twin)
        return HeldOutResult(
            "measured",
            trained=ours,
            twin=estimate(theirs, sizes, seed, resamples),
            delta=estimate(theirs - nats, sizes, seed, resamples),
            counts=counts,
        )


def checked_state(path: Path, digest: str) -> Path:
    """The exported state's file, if it is the one that the spec names."""
    sha256 = hashlib.sha256()
    with open(path, "rb") as file:
        while piece := file.read(LONGEST_PIECE):
            sha256.update(piece)
    if sha256.hexdigest() != digest:
        raise ValueError("the state isn't the one that the spec names")
    return path
