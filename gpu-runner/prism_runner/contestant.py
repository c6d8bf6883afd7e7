"""The contestant: gives the submitted scripts their ctx, in a container with nothing to steal.

Steps, in this order: connect, take hello, unpack the bundle, turn fd 1 to stderr, force determinism, say ready, import
the scripts, train, say how it ended. Submitted code runs only after `ready`.
"""

import contextlib
import mmap
import os
import time
import traceback
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import Module

from prism_runner import bundle, determinism
from prism_runner.adapter import Adapter, Terms
from prism_runner.channel import Channel, ChannelClosed, ChannelTimeout, connect
from prism_runner.context import ContractError, ParameterCapError, PrismContext
from prism_runner.device import open_device
from prism_runner.fields import Fields, flag, integer, nested, seconds, text
from prism_runner.gpu_facts import DeviceMissing, GpuFacts
from prism_runner.heldout_contestant import answer_frames, load_model, receive_state
from prism_runner.ranks import Line, Ranks, SharedLine
from prism_runner.seed_audit import SeedAudit, audit
from prism_runner.submitted import last_words, load_symbol, make_importable, where_in

CONNECT_SECONDS = 300.0
HELLO_SECONDS = 60.0
LARGEST_BUNDLE_BYTES = 64 << 20
DEFAULT_BATCH_SIZE = 8
LARGEST = 2**53 - 1
RANK = int(os.environ.get("RANK", "0"))  # by the launcher
LOCAL_RANK = int(os.environ.get("LOCAL_RANK", "0"))


@dataclass(frozen=True)
class Places:
    """What this container has."""

    channel: Path  # the referee's socket is here; read-only
    work: Path  # tmpfs: the bundle, and the empty folders
    artifacts: Path  # tmpfs: ctx.artifacts_dir


@dataclass(frozen=True)
class Hello:
    """The referee's first message."""

    context: Fields  # values of ctx
    architecture: Fields  # entrypoint and symbol
    training: Fields  # entrypoint and symbol
    bundle: bytes  # canonical form
    slots: list[Tensor]  # the memory file's parts
    export_state: bool  # the last iterated model's state is wanted at the end
    seed_audit: bool  # what of the model doesn't depend on the seed is to be reported
    mode: str  # `train`, or `heldOut`: answer frames from a state
    state_bytes: int  # of the state that comes next; held-out only


def run(places: Places) -> int:
    """One attempt. The exit code says nothing: the referee has heard how it ended."""
    ranks = Ranks()
    if ranks.rank:
        said, bundle_bytes = ranks.share({}, bytearray())  # once the bundle lies there
        return take_part(places, read_hello(said, bytes(bundle_bytes), []), b"", SharedLine(ranks, None))
    channel = connect(places.channel, time.monotonic() + CONNECT_SECONDS)
    header, body, slots = take_hello(channel)
    hello = read_hello(header, body, slots)
    state = receive_state(channel, hello.state_bytes)
    unpack(places, hello.bundle)
    ranks.share(header, bytearray(body))
    return take_part(places, hello, state, SharedLine(ranks, channel))


def take_part(places: Places, hello: Hello, state: bytes, line: Line) -> int:
    """From the device's opening on, on every rank."""
    root = places.work / "bundle"
    os.dup2(2, 1)  # what submitted code prints goes to the log
    determinism.force(integer(hello.context, "seed", 0, 2**31 - 1), integer(hello.context, "threads", 1, 1024))
    try:
        device = open_device(text(hello.context, "device"), LOCAL_RANK, integer(hello.context, "worldSize", 1, 64))
        gpu = device.facts()
    except DeviceMissing as missing:
        line.send({"kind": "unfit", "reason": str(missing)}, time.monotonic() + CONNECT_SECONDS)
        return 1
    terms = Terms(
        max_parameters=integer(hello.context, "maxParameters", 1, LARGEST),
        device=device,
        tokenizer=text(hello.context, "tokenizer"),
        vocab=integer(hello.context, "vocabSize", 1, LARGEST),
        rank=RANK,
        world_size=integer(hello.context, "worldSize", 1, 64),
    )
    adapter = Adapter(line, hello.slots, terms)
    adapter.say("ready", parameters=0, **gpu_told(gpu))
    try:
        if hello.mode == "heldOut":
            answer_frames(load_model(build(places, hello, root, adapter), state, device), adapter)
            return 0
        audited = audit_seeds(places, hello, root, adapter) if hello.seed_audit else None
        train(places, hello, root, adapter)
        if hello.export_state:
            adapter.export_state()
        claims: dict[str, object] = {"parameters": adapter.parameters, "deterministic": adapter.watch.deterministic}
        if gpu:
            claims["peakVramBytes"] = device.peak_bytes()
        adapter.say("finish", **claims, seedAudit=audited.as_json() if audited else None)
    except (ChannelClosed, ChannelTimeout):
        return 1  # nobody is left to tell
    except BaseException as error:  # SystemExit too is how submitted code ended
        traceback.print_exc()
        say_failed(adapter, root, error)
        if RANK:
            return 1  # the launcher ends the others
    wait_for_bye(adapter)
    return 0


def gpu_told(gpu: GpuFacts | None) -> dict[str, object]:
    """What `ready` says of it."""
    return {} if gpu is None else {"gpu": gpu.as_json()}


def take_hello(channel: Channel) -> tuple[Fields, bytes, list[Tensor]]:
    """Hello's header, the bundle, and the memory file's parts."""
    deadline = time.monotonic() + HELLO_SECONDS
    header, body, descriptor = channel.receive_with_descriptor(deadline, {"hello": LARGEST_BUNDLE_BYTES})
    integer(header, "protocol", 1, 1)
    slots, slot_bytes = integer(header, "slots", 1, 64), integer(header, "slotBytes", 1, LARGEST)
    shared = mmap.mmap(descriptor, slots * slot_bytes)
    os.close(descriptor)
    whole = torch.frombuffer(shared, dtype=torch.uint8)
    return header, bytes(body), [whole[slot * slot_bytes : (slot + 1) * slot_bytes] for slot in range(slots)]


def read_hello(header: Fields, bundle: bytes, slots: list[Tensor]) -> Hello:
    """What it says, on every rank."""
    context, architecture, training = (nested(header, name) for name in ("ctx", "architecture", "training"))
    wanted = flag(header, "exportState"), flag(header, "seedAudit")
    mode = "heldOut" if header.get("mode") == "heldOut" else "train"
    state_bytes = integer({"stateBytes": 0, **header}, "stateBytes", 0, LARGEST)
    return Hello(context, architecture, training, bundle, slots, *wanted, mode, state_bytes)


def unpack(places: Places, raw: bytes) -> None:
    """The bundle under work/bundle, and the two empty folders that ctx names."""
    root = places.work / "bundle"
    root.mkdir()
    bundle.unpack(bundle.parse_canonical(raw), root)
    for name in ("data", "tokenizers"):
        (places.work / name).mkdir(mode=0o555)


def train(places: Places, hello: Hello, root: Path, adapter: Adapter) -> None:
    """Import both scripts and run `train(ctx)`."""
    ctx = open_scripts(places, hello, root, adapter)
    loop = load_symbol(root, text(hello.training, "entrypoint"), text(hello.training, "symbol"))
    if isinstance(loop(ctx), Coroutine):
        raise ContractError("train(ctx) is async: calling it runs nothing")


def build(places: Places, hello: Hello, root: Path, adapter: Adapter) -> Module:
    """Import the architecture alone, and build its model."""
    return open_scripts(places, hello, root, adapter).build_model()


def audit_seeds(places: Places, hello: Hello, root: Path, adapter: Adapter) -> SeedAudit | None:
    """Build with the forced seed and with another one, before anything of the bundle is imported here."""
    forced = integer(hello.context, "seed", 0, 2**31 - 1)

    def build_with(seed: int) -> Module:
        determinism.reseed(seed)
        return build(places, replace(hello, context={**hello.context, "seed": seed}), root, adapter.on_host())

    return audit(build_with, (forced, (forced + 1) % 2**31))


def open_scripts(places: Places, hello: Hello, root: Path, adapter: Adapter) -> PrismContext:
    """Make the bundle importable, import the architecture, and give it its ctx."""
    entrypoints = [text(role, "entrypoint") for role in (hello.architecture, hello.training)]
    make_importable(root, entrypoints)
    builder = load_symbol(root, entrypoints[0], text(hello.architecture, "symbol"))

    def build_model(ctx: PrismContext) -> Module:
        model = builder(ctx)
        if not isinstance(model, Module):
            raise ContractError(f"build_model returned {type(model).__name__}; it must be a torch.nn.Module")
        adapter.has_built(model)
        return adapter.device.put_model(model)

    return make_context(places, hello.context, adapter, build_model)


def make_context(
    places: Places, values: Fields, adapter: Adapter, build_model: Callable[[PrismContext], Module]
) -> PrismContext:
    """ctx: the referee's values, the launcher's rank, and this container's paths."""
    max_seq_len = integer(values, "maxSeqLen", 1, LARGEST)
    token_budget = integer(values, "tokenBudget", 1, LARGEST)
    return PrismContext(
        vocab_size=integer(values, "vocabSize", 1, LARGEST),
        max_seq_len=max_seq_len,
        max_layers=integer(values, "maxLayers", 1, LARGEST),
        max_params=integer(values, "maxParameters", 1, LARGEST),
        seed=integer(values, "seed", 0, 2**31 - 1),
        device=adapter.device.name,
        world_size=integer(values, "worldSize", 1, 64),
        rank=RANK,
        local_rank=LOCAL_RANK,
        distributed_backend=text(values, "backend"),
        artifacts_dir=str(places.artifacts),
        data_dir=str(places.work / "data"),
        reference_tokenizer_dir=str(places.work / "tokenizers"),
        token_budget=token_budget,
        step_budget=-(-token_budget // (DEFAULT_BATCH_SIZE * max_seq_len)),
        budget_seconds=seconds(values, "budgetSeconds"),
        resume_checkpoint_dir="",
        is_resume=False,
        attempt=1,
        _build_model=build_model,
        _reference_tokenizer=adapter.reference_tokenizer,
        _batches=adapter.batches,
    )


def say_failed(adapter: Adapter, root: Path, error: BaseException) -> None:
    """Tell the referee what ended the run, and where in the bundle."""
    verdict = "exception"
    if isinstance(error, ContractError):
        verdict = "parameterCap" if isinstance(error, ParameterCapError) else "contract"
    message = str(error) if isinstance(error, ContractError) else last_words(error)
    with contextlib.suppress(ChannelClosed, ChannelTimeout):  # a referee that is gone knows already
        adapter.say("failed", verdict=verdict, where=where_in(root, error), message=message)


def wait_for_bye(adapter: Adapter) -> None:
    """Stay until the referee has read the last message."""
    with contextlib.suppress(ChannelClosed, ChannelTimeout, ContractError):
        adapter.hear("bye")
