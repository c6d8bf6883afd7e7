"""The bundle's loop without a referee, on the same batches: `bare`, or `recorder`, which costs each batch by a forward
of its own before it is learned, within the process that trains, as others do.

    unrefereed.py bare|recorder <the folder of spec.json and bundle> <work folder>
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import Module
from torch.nn.functional import cross_entropy

from prism_runner import bundle, determinism
from prism_runner.context import PrismBatch
from prism_runner.shards import load_stream_bytes
from prism_runner.spec import parse_spec
from prism_runner.stream import LaneReader, TokenStream
from prism_runner.submitted import load_symbol, make_importable
from prism_runner.tokenizers import load_tokenizer


@dataclass
class Unrefereed:
    """As much of ctx as the loop asks for."""

    stream: TokenStream
    records: bool  # costs each batch
    architecture: object  # build_model
    artifacts_dir: str
    max_seq_len: int
    total_nats: float = 0.0

    @property
    def vocab_size(self) -> int:
        return self.stream.vocab

    def build_model(self) -> Module:
        return self.architecture(self)

    def iter_train_batches(
        self, model: Module, *, batch_size: int, seq_len: int, reuse_forward: bool
    ) -> Iterator[PrismBatch]:
        lanes = LaneReader(self.stream)
        lanes.open(batch_size)
        while not lanes.exhausted:
            batch = lanes.draw(seq_len)
            tokens = torch.frombuffer(bytearray(batch.tokens), dtype=torch.int32).long().view(batch.rows, batch.length)
            if self.records:
                self.total_nats += nats(model, tokens)
            yield PrismBatch(tokens, 0.0)


@torch.no_grad()
def nats(model: Module, tokens: Tensor) -> float:
    """What the batch costs."""
    model.eval()
    logits = model(tokens)
    model.train()
    return cross_entropy(logits[:, :-1].flatten(0, 1), tokens[:, 1:].flatten(), reduction="sum").item()


def main(kind: str, given: Path, work: Path) -> None:
    spec = parse_spec((given / "spec.json").read_bytes())
    raw = (given / "bundle").read_bytes()
    encode = load_tokenizer(spec.tokenizer, Path("/tokenizers"), spec.tokenizers_digest, raw)
    stream = encode(load_stream_bytes(Path("/data"), spec.data_digest, "train", spec.season_secret, spec.stream_bytes))
    root = work / "bundle"
    root.mkdir()
    bundle.unpack(bundle.parse_canonical(raw), root)
    determinism.force(spec.seed, spec.threads)
    make_importable(root, [])
    architecture = load_symbol(root, spec.architecture.path, spec.architecture.symbol)
    loop = load_symbol(root, spec.training.path, spec.training.symbol)
    loop(Unrefereed(stream, kind == "recorder", architecture, str(work / "artifacts"), spec.limits.default_seq_len))


main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
