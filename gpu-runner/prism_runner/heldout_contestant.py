"""The contestant's side of a held-out run: build the architecture, load the state, answer frames. No training."""

import time

from torch.nn import Module

from prism_runner.adapter import PATIENCE_SECONDS, Adapter, read_tokens
from prism_runner.channel import Channel
from prism_runner.device import Device
from prism_runner.prediction import ModelState, as_sent, predict
from prism_runner.state_export import unpack_into
from prism_runner.state_file import LONGEST_PIECE


def receive_state(channel: Channel, size: int) -> bytes:
    """The exported state, `size` bytes; before any submitted code is imported."""
    received = bytearray()
    while len(received) < size:
        _, piece = channel.receive(time.monotonic() + PATIENCE_SECONDS, {"state": LONGEST_PIECE})
        received += piece
    return bytes(received)


def load_model(model: Module, state: bytes, device: Device) -> Module:
    """The model in the exported state; as it was built, where there is none. Raises ContractError."""
    if state:
        unpack_into(model, state)
    return device.put_model(model).eval()


def answer_frames(model: Module, adapter: Adapter) -> None:
    """Until bye: answer each frame from the same state, and keep what the last one left when told to advance."""
    adapter.weigh(model)
    adapter.say("loaded", parameters=adapter.parameters)
    before = ModelState(model)
    while True:
        header, body = adapter.hear("frame", "advance", "bye")
        if header["kind"] == "bye":
            return
        if header["kind"] == "advance":
            before = ModelState(model)
            continue
        before.put_back()
        shape = (int(str(header["rows"])), int(str(header["length"])))
        tokens = adapter.device.put_tokens(read_tokens(body, shape))
        logits = predict(model, tokens, int(str(header["vocab"])), reuse_forward=False)
        adapter.send_logits(int(str(header["id"])), as_sent(logits))
