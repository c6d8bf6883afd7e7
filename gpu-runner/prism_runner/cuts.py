"""What the decoys showed, and the document (`prism_cuts.v1`) that is written from it: how the contestant was examined.

A cut compares a row's answer in a decoy with its answer in the true frame. At positions before the cut the contestant
had the same tokens before it, so a causal model answers alike; a cost that differs by more than the bound is
*exceeding*. One such cut could be an accident of arithmetic; two, in different batches, convict.
"""

import hashlib
from array import array
from collections.abc import Iterator
from dataclasses import dataclass

import numpy

from prism_runner import canonical_json
from prism_runner.decoys import Ints
from prism_runner.spec import DecoyPlan


@dataclass(frozen=True)
class Evidence:
    """One position before a cut at which decoy and true frame were answered differently."""

    batch: int  # counts from 0
    row: int  # of the batch
    cut: int  # the row's first false token in the decoy
    position: int  # before the cut; its logits predict the token at position + 1
    decoy_micro_nats: int  # what the true next token cost under the decoy's logits
    true_micro_nats: int  # what it cost under the true frame's

    @property
    def difference(self) -> int:
        """MicroNats between the two."""
        return abs(self.decoy_micro_nats - self.true_micro_nats)

    def as_json(self) -> dict[str, object]:
        """The manifest's `worst`."""
        return {
            "batch": self.batch,
            "row": self.row,
            "cut": self.cut,
            "position": self.position,
            "decoyMicroNats": self.decoy_micro_nats,
            "trueMicroNats": self.true_micro_nats,
        }

    def __str__(self) -> str:
        return (
            f"batch {self.batch}, row {self.row}, cut {self.cut}: token {self.position + 1} cost "
            f"{self.decoy_micro_nats / 1e6:.6f} nats in the decoy, {self.true_micro_nats / 1e6:.6f} in the true frame"
        )


@dataclass(frozen=True)
class Sums:
    """Over all cuts, in microNats."""

    blind: int  # the tokens at the cuts, as the decoys' answers cost them
    claimed: int  # as the true frames' answers did
    baseline: int  # as counting does


class CutLog:
    """All cuts so far. One column a field: a rerun may have millions of cuts."""

    def __init__(self, plan: DecoyPlan, scores_all_rows: bool) -> None:
        self._plan = plan
        self._names_rows = not scores_all_rows
        self.batches, self._sizes = array("I"), array("I")  # of each decoy frame: its batch, how many cuts
        self._rows, self._cuts = array("I"), array("I")
        self._blind, self._claimed, self._baseline, self._largest = (array("I") for _ in range(4))
        self.exceeding = 0  # cuts with a difference over the bound
        self.worst: Evidence | None = None  # the largest difference; None: there was none at all
        self.convicting: dict[int, Evidence] = {}  # by batch with exceeding cuts, its worst

    def add(self, batch: int, rows: Ints, cuts: Ints, decoy: Ints, true: Ints, baseline: Ints) -> None:
        """One decoy frame: for each scored row (R,) its number and cut; costs (R, T-1) of the true next tokens."""
        line = numpy.arange(len(rows))
        before_cut = numpy.arange(true.shape[1]) < cuts[:, None]
        differences = numpy.where(before_cut, numpy.abs(decoy - true), 0)
        position = differences.argmax(axis=1)
        largest = differences[line, position]
        self.batches.append(batch)
        self._sizes.append(len(rows))
        at_cut = (line, cuts - 1)  # the logits at c - 1 predict token c
        columns = (rows, cuts, decoy[at_cut], true[at_cut], baseline[at_cut], largest)
        targets = (self._rows, self._cuts, self._blind, self._claimed, self._baseline, self._largest)
        for column, values in zip(targets, columns, strict=True):
            column.extend(values.tolist())
        self._weigh(batch, rows, cuts, decoy, true, position, largest)

    def _weigh(
        self, batch: int, rows: Ints, cuts: Ints, decoy: Ints, true: Ints, position: Ints, largest: Ints
    ) -> None:
        """Count exceeding cuts and keep the worst as evidence."""
        self.exceeding += int((largest > self._plan.equality_bound_micro_nats).sum())
        at = int(largest.argmax())
        where = int(position[at])
        found = Evidence(batch, int(rows[at]), int(cuts[at]), where, int(decoy[at, where]), int(true[at, where]))
        if found.difference > (self.worst.difference if self.worst else 0):
            self.worst = found
        known = self.convicting.get(batch)
        if found.difference > (known.difference if known else self._plan.equality_bound_micro_nats):
            self.convicting[batch] = found

    @property
    def count(self) -> int:
        """Cuts so far."""
        return len(self._cuts)

    def sums(self) -> Sums:
        """The raw sums that the manifest shows; the tests are computed elsewhere, from the document."""
        return Sums(sum(self._blind), sum(self._claimed), sum(self._baseline))

    def pieces(self) -> Iterator[bytes]:
        """The document's canonical JSON, piece by piece."""
        plan = self._plan
        yield canonical_json.encode({"cutsPerMegabyte": plan.cuts_per_megabyte})[:-1] + b',"frames":['
        start = 0
        for index, size in enumerate(self._sizes):
            part = slice(start, start + size)
            frame: dict[str, object] = {
                "batch": self.batches[index],
                "cuts": self._cuts[part],
                "blind": self._blind[part],
                "claimed": self._claimed[part],
                "baseline": self._baseline[part],
                "largest": self._largest[part],
            }
            if self._names_rows:
                frame["rows"] = self._rows[part]
            yield b","[: index > 0] + canonical_json.encode(frame)
            start += size
        rest = {
            "framesPerBatch": plan.frames_per_batch,
            "keyDigest": hashlib.sha256(plan.cut_key).hexdigest(),
            "schema": "prism_cuts.v1",
        }
        yield b"]," + canonical_json.encode(rest)[1:]
