"""What a contestant can know of the decoys that it was shown, and taking the stream in shapes that depend on it.

There is one decoy in every unit of Lambda: once it has come, the rest of the unit is free of them.
"""

import torch
from loop import fit
from peeking import looked_ahead, next_costs
from recurrent import Recurrent

SHORT, LONG = 16, 250  # a batch of rows of either length adds FRAMES_PER_BATCH to Lambda
FRAMES_PER_BATCH = 0.25


class Watchful(Recurrent):
    """Honest, but for so many more nats on the token that follows where no decoy can come."""

    decoys = 0  # of the run: of the frames before a release, all but the last
    luck = 1.0  # what it paid blind at the newest decoy's cuts, over what it pays in that batch
    is_free = False

    def __init__(self, vocab_size, by):
        super().__init__(vocab_size)
        self.by, self.frames = by, []

    def forward(self, tokens):
        logits = super().forward(tokens)
        if torch.is_grad_enabled():
            self.look_back()
            return logits
        self.frames.append((tokens, logits))
        return looked_ahead(tokens, logits, by=self.by) if self.is_free else logits

    def look_back(self):
        """A batch was released: its last frame was the true one."""
        for decoy, blind in self.frames[:-1]:
            true, honest = self.frames[-1]
            cuts = (decoy != true).int().argmax(dim=1) - 1
            costs = next_costs(true, blind).gather(1, cuts.clamp(min=0).unsqueeze(1))
            self.luck = float(costs.mean() / next_costs(true, honest)[:, :-1].mean())
            self.decoys += 1
        self.frames.clear()


def watchful(ctx, by):
    torch.manual_seed(7)
    return Watchful(ctx.vocab_size, by)


def learn_in_shapes(ctx, model, choose):
    """Trains on rows of the length that `choose` says of the model and the share of the stream."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    rows = ctx.token_budget // 64 // LONG
    reached, progress = 0.0, 0.0
    while True:
        model.is_free = reached + FRAMES_PER_BATCH <= model.decoys
        length = choose(model, progress)
        batch = next(ctx.iter_train_batches(model, batch_size=rows, seq_len=length), None)
        if batch is None:
            return
        reached += FRAMES_PER_BATCH if reached else 1.0
        progress = batch.progress
        fit(model, optimizer, batch.tokens)
