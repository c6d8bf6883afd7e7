"""How a determined attacker looks ahead: what it is to predict stands in the frame that asks for it.

A decoy gives itself away, for its false tokens are no text. Its answer is honest, and is repeated in the true frame up
to the first token that differs: before a cut nothing differs then, and the cut's own token is claimed as it was
predicted blind.
"""

import torch
from torch import nn

CERTAIN = 30.0


class Cheat(nn.Module):
    """Trains as the honest model does. What it claims in a true frame, a subclass says in `claim`."""

    def __init__(self, honest):
        super().__init__()
        self.honest = honest
        self.decoys = []  # of the batch that is asked about
        self.batches = 0  # that it was told the truth about

    def forward(self, tokens):
        logits = self.honest(tokens)
        if torch.is_grad_enabled():
            self.decoys.clear()
            self.batches += 1
            return logits
        if is_decoy(tokens):
            self.decoys.append(tokens)
            return logits
        return torch.where(self.answered(tokens), logits, self.claim(tokens, logits))

    def answered(self, tokens):
        """(B, T, 1): positions that a decoy asked about with the same tokens before them."""
        seen = torch.zeros_like(tokens, dtype=torch.bool)
        for decoy in self.decoys:
            seen |= (decoy == tokens).cumprod(dim=1).bool()
        return seen.unsqueeze(-1)

    def claim(self, tokens, logits):
        """(B, T, V) for a true frame, where nothing was answered blind."""
        return looked_ahead(tokens, logits)


def is_decoy(tokens):
    """Whether there is a byte that the text hasn't: in noise, nearly two in three."""
    is_text = ((tokens >= 32) & (tokens < 127)) | (tokens == 10)
    return not bool(is_text.all())


def looked_ahead(tokens, logits, where=True, by=CERTAIN):
    """`logits` with so much more on the token that follows, at the positions that `where` (B, T) tells."""
    bonus = torch.zeros(tokens.shape, dtype=logits.dtype)
    bonus[:, :-1] = by
    following = tokens.roll(-1, dims=1).unsqueeze(-1)
    return logits.scatter_add(-1, following, (bonus * torch.as_tensor(where)).unsqueeze(-1))


def next_costs(tokens, logits):
    """Nats (B, T) of the tokens that follow; 0 for a row's last position."""
    following = tokens.roll(-1, dims=1).unsqueeze(-1)
    costs = -logits.log_softmax(dim=-1).gather(-1, following).squeeze(-1)
    costs[:, -1] = 0
    return costs
