"""Counts of pairs mixed with a network: the counts learn fast, the network learns more."""
from collections import Counter, defaultdict, deque

import torch
import torch.nn.functional as F


class Pairs:
    def __init__(self, vocab_size):
        self.counts = torch.ones(vocab_size, vocab_size)
        self.recent = deque(maxlen=1_000)
        self.seen = defaultdict(Counter)

    def update(self, tokens):
        for row in tokens.tolist():
            self.recent.extend(row)
            for left, right in zip(row, row[1:]):
                self.seen[left][right] += 1
                self.counts[left, right] += 1

    def log_probs(self, tokens):
        return torch.log(self.counts / self.counts.sum(-1, keepdim=True))[tokens]


def train(ctx):
    model = ctx.build_model()
    pairs = Pairs(ctx.vocab_size)
    optimizer = torch.optim.Adagrad(model.parameters(), lr=0.01)
    for batch in ctx.iter_train_batches(model):
        mixed = torch.logaddexp(model(batch.tokens).log_softmax(-1), pairs.log_probs(batch.tokens))
        F.nll_loss(mixed[:, :-1].flatten(0, 1), batch.tokens[:, 1:].flatten()).backward()
        optimizer.step()
        optimizer.zero_grad()
        pairs.update(batch.tokens)
