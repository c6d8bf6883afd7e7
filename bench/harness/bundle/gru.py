"""A GRU, D = 256."""

from torch import Tensor, nn

WIDTH = 256


class Gru(nn.Module):
    def __init__(self, vocab: int):
        super().__init__()
        self.tokens = nn.Embedding(vocab, WIDTH)
        self.gru = nn.GRU(WIDTH, WIDTH, batch_first=True)
        self.head = nn.Linear(WIDTH, vocab)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.head(self.gru(self.tokens(tokens))[0])


def build_model(ctx):
    return Gru(ctx.vocab_size)
