"""The GRU of `examples/gru`, narrower: what is wrong with this bundle is its training."""

from torch import Tensor, nn

from prism_challenge.evaluator.interface import PrismContext

ARCHITECTURE_NAME = "GRU with a log file"
WIDTH = 64  # channels of the embedding and of the recurrent state


class GruModel(nn.Module):
    """Logits at t read tokens 0 … t and nothing else: a recurrence that runs forwards can't look ahead."""

    def __init__(self, vocab_size: int, width: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, width)
        self.gru = nn.GRU(width, width, batch_first=True)
        self.norm = nn.LayerNorm(width)  # over channels: each position by itself
        self.head = nn.Linear(width, vocab_size)
        nn.init.zeros_(self.head.weight)  # the first prediction is uniform: log2 V bits a token, and no worse
        nn.init.zeros_(self.head.bias)

    def forward(self, tokens: Tensor) -> Tensor:  # (B, T) -> (B, T, V)
        embedded = self.embedding(tokens)  # (B, T, C)
        states, _ = self.gru(embedded)  # (B, T, C)
        return self.head(self.norm(embedded + states))


def build_model(ctx: PrismContext) -> nn.Module:
    return GruModel(ctx.vocab_size, WIDTH)
