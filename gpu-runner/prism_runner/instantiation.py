"""Builds a bundle's model and asks it about random tokens, once, with nothing around it to steal (PROTOCOL.md §12).

Steps, in this order: read the question, unpack the bundle, put fd 0 and 1 out of reach, force determinism, say ready,
set the limits, import the architecture, build the model, run its first forward, probe it, import and build it once more
under a public seed for the digest of its behaviour, report. Submitted code runs only after `ready`.
"""

import base64
import contextlib
import os
import sys
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import BinaryIO

import torch
from torch.nn import Module

from prism_runner import behaviour, determinism
from prism_runner.adapter import Adapter, Terms
from prism_runner.channel import ChannelClosed
from prism_runner.contestant import LARGEST, Hello, Places, open_scripts, unpack
from prism_runner.context import ContractError, PrismBatch, PrismContext, ReferenceTokenizer
from prism_runner.device import Device, open_device
from prism_runner.fields import Fields, integer, nested, parse_object, text
from prism_runner.instantiation_report import Report
from prism_runner.prediction import ModelState
from prism_runner.probes import probe, random_tokens
from prism_runner.spec import tokenizer_name
from prism_runner.submitted import forget, last_words, load_symbol, where_in
from prism_runner.tokenizers import VOCAB, declared_vocab
from prism_runner.work_limits import TimeUp, Watch, limit_cpu, limit_memory, open_reserve

LONGEST_QUESTION = 64 << 20
ROWS = 2  # a large model has no time for more
PROBES = 2
TIMED_STAGES = ("import", "build", "forward")  # of what comes later, time cuts short what can be said


class Wanted(BaseException):
    """The training loop asked for batches. No loop of the kind that catches everything may catch it."""

    def __init__(self, model: Module, rows: int, length: int) -> None:
        super().__init__()
        self.model = model
        self.shape = (rows, length)


class NoLine:
    """There is no referee here."""

    def send(self, header: Mapping[str, object], deadline: float, body: bytes | memoryview = b"") -> None:
        """Nobody listens."""
        raise ChannelClosed

    def receive(self, deadline: float, longest_body: Mapping[str, int] | None = None) -> tuple[Fields, bytearray]:
        """Nobody speaks."""
        raise ChannelClosed


class Witness(Adapter):
    """The adapter of a bundle that is only looked at: it judges nothing, and gives no batches."""

    def weigh(self, model: Module) -> None:
        """The report says how large the model is."""

    def batches(
        self, model: Module, batch_size: int, seq_len: int, tokenizer: ReferenceTokenizer | None, reuse_forward: bool
    ) -> Iterator[PrismBatch]:
        """How the loop asks is all that is wanted of it."""
        raise Wanted(model, batch_size, seq_len)


def run(questions: BinaryIO, places: Places) -> int:
    """Answer the one question of `questions` on what fd 1 was. What it raises comes before `ready`."""
    question = parse_object(questions.readline(LONGEST_QUESTION))
    hello = hello_of(question)
    limits = nested(question, "limits")
    cpu_seconds, memory_bytes = integer(limits, "cpuSeconds", 1, 3600), integer(limits, "memoryBytes", 1, LARGEST)
    unpack(places, hello.bundle)
    answers = out_of_reach()
    determinism.force(integer(hello.context, "seed", 0, 2**31 - 1), integer(hello.context, "threads", 1, 1024))
    device = open_device(text(hello.context, "device"))
    report = Report(answers)
    os.write(answers, b'{"event":"ready"}\n')
    root = places.work / "bundle"
    watch = Watch(root, cpu_seconds, lambda time_up: cut_short(report, time_up))
    limit_cpu(2 * cpu_seconds)  # the probes have their own share
    limit_memory(memory_bytes)
    try:
        Look(places, hello, report, watch, cpu_seconds, device).run()
    except BaseException as error:  # SystemExit too is how submitted code ended
        open_reserve()
        with contextlib.suppress(Exception):
            traceback.print_exc()
        report.fail(kind_of(error), where_in(root, error), message_of(error))
    report.send()


def hello_of(question: Fields) -> Hello:
    """The question, as an attempt's contestant is told it."""
    context, architecture, training = (nested(question, name) for name in ("ctx", "architecture", "training"))
    raw = base64.b64decode(text(question, "bundle", LONGEST_QUESTION), validate=True)
    name = tokenizer_name(context)
    told = {**context, "tokenizer": name, "vocabSize": vocab_of(name, raw, question)}
    return Hello(told, architecture, training, raw, [], False, False, "train", 0)


def vocab_of(tokenizer: str, bundle: bytes, question: Fields) -> int:
    """V. The `llama` model isn't here, so that the question says it; of a declared one the bundle does."""
    if tokenizer == "llama":
        return integer(question, "vocab", 1, LARGEST)
    return VOCAB.get(tokenizer) or declared_vocab(bundle, tokenizer)


def out_of_reach() -> int:
    """A descriptor for the report; what submitted code reads is empty, and what it prints goes to the log."""
    answers = os.dup(1)
    os.dup2(2, 1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    return answers


def cut_short(report: Report, up: TimeUp) -> None:
    """Report what there is, in the watching thread."""
    if report.stage in TIMED_STAGES:
        used = f"{up.cpu_seconds:.1f} s of CPU in {up.wall_seconds:.1f} s"
        report.fail("time", up.where, f"{report.stage} was still running after {used}")
    report.send()


class Look:
    """One look at a bundle, which fills the report up to where the model goes wrong."""

    def __init__(
        self, places: Places, hello: Hello, report: Report, watch: Watch, cpu_seconds: int, device: Device
    ) -> None:
        self._places, self._hello, self._root = places, hello, places.work / "bundle"
        self._report, self._watch, self._cpu_seconds, self._device = report, watch, cpu_seconds, device
        self._vocab = integer(hello.context, "vocabSize", 1, LARGEST)
        self._source = torch.Generator().manual_seed(integer(hello.context, "seed", 0, 2**31 - 1))

    def run(self) -> None:
        """Import, build, first forward, probes, behaviour. Raises whatever submitted code does up to the probes."""
        shape = self._probed()
        if shape is None:
            return
        self._report.stage = "behaviour"
        try:
            self._report.behaviour = self._behaviour(shape)
        except BaseException as error:  # a second life proves nothing against the first
            print(f"no behaviour: {last_words(error)}", file=sys.stderr)
        self._report.stage = "done"

    def _probed(self) -> tuple[int, int] | None:
        """The shape that the model was asked in and probed; None where it went wrong before."""
        ctx = self._opened(self._hello)
        self._report.stage = "build"
        model = ctx.build_model()
        if self._report.weigh(model) > ctx.max_params:
            return None
        self._report.stage = "forward"
        model, shape = self._first_forward(ctx, model)
        if shape is None:
            return None
        self._report.stage = "probes"
        self._watch.next_phase(self._cpu_seconds)
        for _ in range(PROBES):
            tokens = random_tokens(shape, self._vocab, self._source)
            self._report.probes.append(probe(model, tokens, self._vocab, self._source, self._device).as_json())
        return shape

    def _behaviour(self, shape: tuple[int, int]) -> str | None:
        """The digest of a model that was made with no seed of a run's, from the import on."""
        forget(self._root)
        determinism.reseed(behaviour.SEED)
        ctx = self._opened(replace(self._hello, context={**self._hello.context, "seed": behaviour.SEED}))
        return behaviour.fingerprint(ctx.build_model(), shape, self._vocab, self._device)

    def _opened(self, hello: Hello) -> PrismContext:
        """The architecture's ctx, after its import."""
        tokenizer = text(hello.context, "tokenizer")
        witness = Witness(NoLine(), [], Terms(LARGEST, self._device, tokenizer, self._vocab))
        return open_scripts(self._places, hello, self._root, witness)

    def _first_forward(self, ctx: PrismContext, model: Module) -> tuple[Module, tuple[int, int] | None]:
        """The model that was asked, and about what; None where its size or its answer is wrong.

        A model may be made for the one shape that its own loop asks for: where it fails at ours, the loop is run up to
        its first batch.
        """
        shape = (ROWS, ctx.max_seq_len)
        try:
            is_fit = self._ask(ctx, model, shape)
        except Exception:
            self._report.stage = "training"
            self._watch.next_phase(self._cpu_seconds)
            wanted = self._wanted_by_loop(ctx)
            if wanted is None:
                raise
            model, shape = wanted.model, wanted.shape
            is_fit = self._ask(ctx, model, shape)
        return model, shape if is_fit else None

    def _ask(self, ctx: PrismContext, model: Module, shape: tuple[int, int]) -> bool:
        """One forward, as a run would make it. True where the referee would take model and answer."""
        tokens = random_tokens(shape, self._vocab, self._source)
        before = ModelState(model)
        model.eval()
        with torch.no_grad():
            output = model(self._device.put_tokens(tokens))
        before.put_back()
        is_within = self._report.weigh(model) <= ctx.max_params  # lazy modules are realised now
        return self._report.describe(output, shape, self._vocab) and is_within

    def _wanted_by_loop(self, ctx: PrismContext) -> Wanted | None:
        """What the training loop asks for first; None where it doesn't come to that."""
        try:
            load_symbol(self._root, *(text(self._hello.training, name) for name in ("entrypoint", "symbol")))(ctx)
        except Wanted as wanted:
            sizes = all(isinstance(size, int) and size > 0 for size in wanted.shape)
            return wanted if sizes and isinstance(wanted.model, Module) else None
        except BaseException:  # the loop is judged in the run
            return None
        return None


def kind_of(error: BaseException) -> str:
    """`contract`, `memory` or `exception`."""
    if isinstance(error, ContractError):
        return "contract"
    is_refused = isinstance(error, RuntimeError) and "allocate memory" in message_of(error)
    return "memory" if isinstance(error, MemoryError) or is_refused else "exception"


def message_of(error: BaseException) -> str:
    """What it says of itself."""
    return str(error) if isinstance(error, ContractError) else last_words(error)
