"""Several processes of one contestant: rank 0 talks to the referee, and the others hear what it hears.

They share what the referee says over a process group of their own (gloo, on the launcher's store), so that the bundle's
own `init_process_group` stays the bundle's. Every rank answers every frame, as a wrapped model may need all of them for
a forward; only rank 0's logits are sent. All that is inside one contestant: the referee sees one peer.
"""

import json
import os
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Protocol

import torch
from torch._C._distributed_c10d import BroadcastOptions, PrefixStore, ProcessGroupGloo, TCPStore

from prism_runner.channel import Channel
from prism_runner.fields import Fields

PATIENCE = timedelta(hours=1)
NOT_SHARED = "took"  # rank 0 alone sends logits


class Line(Protocol):
    """What the adapter needs of a channel."""

    def send(self, header: Mapping[str, object], deadline: float, body: bytes | memoryview = b"") -> None:
        """Send one message."""

    def receive(self, deadline: float, longest_body: Mapping[str, int] | None = None) -> tuple[Fields, bytearray]:
        """The next message."""


class Ranks:
    """The processes that the launcher started, by its environment."""

    def __init__(self) -> None:
        self.rank, self.world_size = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
        if self.world_size > 1:
            store = TCPStore(os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"]), is_master=False)
            own = PrefixStore("prism_runner", store)
            self._group: Any = ProcessGroupGloo(own, self.rank, self.world_size, PATIENCE)

    def share(self, header: Mapping[str, object], body: bytearray) -> tuple[Fields, bytearray]:
        """Rank 0's header and body, on every rank; what the others pass is ignored."""
        if self.world_size == 1:
            return header, body
        raw = json.dumps(header).encode()
        sizes = torch.tensor([len(raw), len(body)])
        self._broadcast(sizes)
        message = torch.empty(int(sizes.sum()), dtype=torch.uint8)
        if self.rank == 0:
            message.copy_(torch.frombuffer(bytearray(raw + body), dtype=torch.uint8))
        self._broadcast(message)
        shared = bytearray(message.numpy().tobytes())
        return json.loads(shared[: sizes[0]]), shared[sizes[0] :]

    def _broadcast(self, tensor: torch.Tensor) -> None:
        self._group.broadcast([tensor], BroadcastOptions()).wait()


class SharedLine:
    """The channel as each rank sees it: one speaks, all listen."""

    def __init__(self, ranks: Ranks, channel: Channel | None) -> None:
        """`channel` on rank 0."""
        self._ranks = ranks
        self._channel = channel

    def send(self, header: Mapping[str, object], deadline: float, body: bytes | memoryview = b"") -> None:
        """Rank 0 says it for all."""
        if self._channel is not None:
            self._channel.send(header, deadline, body)

    def receive(self, deadline: float, longest_body: Mapping[str, int] | None = None) -> tuple[Fields, bytearray]:
        """What the referee says next."""
        if self._channel is None:
            return self._ranks.share({}, bytearray())
        header, body = self._channel.receive(deadline, longest_body)
        return (header, body) if header["kind"] == NOT_SHARED else self._ranks.share(header, body)
