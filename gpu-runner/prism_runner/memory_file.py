"""The sealed memory file that logits travel through: `slots` parts of `slot_bytes`.

Sealed against shrinking (a truncated mapping would kill its reader), growing and further seals. The contestant may
write or punch holes at any time, so nothing is looked at before it has been copied out.
"""

import fcntl
import mmap
import os

SLOTS = 2  # the contestant fills one while the referee reads the other
SLOT_BYTES = 4 << 20
BUFFERS = 16  # what the referee has copied out and not yet judged

SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL


def create_sealed() -> int:
    """A new memory file's descriptor. Its pages are taken now, so that reading can't run out of them."""
    descriptor = os.memfd_create("logits", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.posix_fallocate(descriptor, 0, SLOTS * SLOT_BYTES)
    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, SEALS)
    return descriptor


class SlotReader:
    """The referee's view: read-only, and only by copying."""

    def __init__(self, descriptor: int) -> None:
        self._shared = memoryview(mmap.mmap(descriptor, SLOTS * SLOT_BYTES, mmap.MAP_SHARED, mmap.PROT_READ))
        self._private = [memoryview(bytearray(SLOT_BYTES)) for _ in range(BUFFERS)]
        self._next = 0  # the buffer that was filled longest ago

    def copy_out(self, slot: int, size: int) -> memoryview:
        """The first `size` bytes of a slot, out of reach; valid until BUFFERS later calls. 0 <= slot < SLOTS."""
        start = slot * SLOT_BYTES
        private = self._private[self._next][:size]
        self._next = (self._next + 1) % BUFFERS
        private[:] = self._shared[start : start + size]
        return private
