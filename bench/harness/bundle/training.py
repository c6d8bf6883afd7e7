"""The loop that is measured, the same for every contender. It trains only when it is its turn."""

from pathlib import Path

from torch.nn.functional import cross_entropy
from torch.optim import AdamW

BATCH_SIZE, SEQ_LEN = 16, 256


def train(ctx):
    train_in_turns(ctx, reuse_forward=False)


def train_reusing(ctx):
    train_in_turns(ctx, reuse_forward=True)


def train_in_turns(ctx, reuse_forward):
    model = ctx.build_model()
    optimizer = AdamW(model.parameters(), lr=1e-3)
    shape = {"batch_size": BATCH_SIZE, "seq_len": SEQ_LEN, "reuse_forward": reuse_forward}
    turns = Turns(Path(ctx.artifacts_dir))
    for batch in ctx.iter_train_batches(model, **shape):
        if not turns.has_turn():
            break
        logits = model(batch.tokens) if batch.logits is None else batch.logits
        loss = cross_entropy(logits[:, :-1].flatten(0, 1), batch.tokens[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


class Turns:
    """A turn is a number of batches, read as a line; it has ended once the batch after them is there."""

    def __init__(self, folder: Path) -> None:
        self._granted = open(folder / "granted")  # noqa: SIM115 - both as long as the process
        self._ended = open(folder / "ended", "w")  # noqa: SIM115
        self._left = 0

    def has_turn(self) -> bool:
        """Whether one more batch is to be learned; waits for the next turn where one has ended."""
        if not self._left:
            print(end=".", file=self._ended, flush=True)
            self._left = int(self._granted.readline())
        self._left -= 1
        return self._left >= 0
