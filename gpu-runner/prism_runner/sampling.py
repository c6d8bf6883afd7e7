"""Which rows of a batch are scored, where policy scores a sample. Pure.

The m = max(1, floor(fraction * B + 1/2)) rows with the smallest HMAC-SHA256(key, batch || ":" || row), numbers in
decimal ASCII: a simple random sample that is the same in a run and its reruns, and that the contestant can't foresee.
"""

import hmac
import math


def scored_rows(key: bytes, fraction: float, batch: int, rows: int) -> list[int]:
    """The scored rows, ascending; all of them when the fraction is 1. 0 < fraction <= 1; batches count from 0."""
    count = max(1, math.floor(fraction * rows + 0.5))
    if count >= rows:
        return list(range(rows))
    ranked = sorted(range(rows), key=lambda row: hmac.digest(key, f"{batch}:{row}".encode(), "sha256"))
    return sorted(ranked[:count])
