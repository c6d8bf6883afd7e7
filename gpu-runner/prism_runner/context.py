"""What submitted code sees: `ctx` (PrismContext), its batches, and the errors that a broken rule raises."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from torch import Tensor
from torch.nn import Module


class ContractError(Exception):
    """The bundle broke a rule of the contract; the text says which."""


class ParameterCapError(ContractError):
    """The model has more parameters and buffer elements than the cap."""


@dataclass(frozen=True)
class ReferenceTokenizer:
    """A handle on one of the challenge's tokenizers. The referee tokenises; it knows the handle by its name."""

    name: str  # `bytes`, `gpt2`, or the bundle path of its own
    vocab_size: int  # V


@dataclass(frozen=True)
class PrismBatch:
    """A batch that has been predicted and scored, released to the training loop."""

    tokens: Tensor  # (B, T) int64, on ctx.device; each row begins with the last token of the lane's previous row.
    # With several processes, this one's share of the rows: (B / world_size, T).
    progress: float  # covered share of the stream once this batch is charged, 0 … 1: what a schedule should follow
    logits: Tensor | None = None  # with `reuse_forward`: the model's own output (B, T, V) for `tokens`, with its graph


@dataclass(frozen=True)
class PrismContext:
    """Everything that `build_model(ctx)` and `train(ctx)` are given."""

    vocab_size: int  # V of the stream's tokenizer
    max_seq_len: int  # T where the iterator names none
    max_layers: int  # a hint, not enforced
    max_params: int  # cap on parameters and buffer elements
    seed: int  # forced; every generator is seeded with it before the bundle is imported
    device: str  # where models and batches lie, `cpu` or `cuda:` and local_rank
    world_size: int  # processes of the run
    rank: int  # this process
    local_rank: int  # this process on its host
    distributed_backend: str  # `gloo`; `nccl` on CUDA
    artifacts_dir: str  # the only writable path: scratch, thrown away
    data_dir: str  # empty, read-only: the stream is the only way to the data
    reference_tokenizer_dir: str  # empty, read-only
    token_budget: int  # tokens of the stream
    step_budget: int  # batches of the default shape that the stream holds
    budget_seconds: float  # wall clock until the stream ends
    resume_checkpoint_dir: str  # empty: nothing is resumed
    is_resume: bool  # False
    attempt: int  # 1, whatever the attempt or rerun
    _build_model: Callable[["PrismContext"], Module] = field(repr=False)
    _reference_tokenizer: Callable[[str], ReferenceTokenizer] = field(repr=False)
    _batches: Callable[[Module, int, int, ReferenceTokenizer | None, bool], Iterator[PrismBatch]] = field(repr=False)

    @property
    def sequence_length(self) -> int:
        """The other name of max_seq_len."""
        return self.max_seq_len

    @property
    def max_parameters(self) -> int:
        """The other name of max_params."""
        return self.max_params

    def build_model(self) -> Module:
        """The architecture's model, newly built. Raises ContractError or ParameterCapError."""
        return self._build_model(self)

    def reference_tokenizer(self, name: str) -> ReferenceTokenizer:
        """A handle for `iter_train_batches`. Raises ContractError for a name that the challenge doesn't have."""
        return self._reference_tokenizer(name)

    def iter_train_batches(
        self,
        model: Module,
        *,
        batch_size: int = 8,
        seq_len: int | None = None,
        tokenizer: ReferenceTokenizer | None = None,
        reuse_forward: bool = False,
    ) -> Iterator[PrismBatch]:
        """Batches in the challenge's order, single pass; `model` has predicted each of them before it is yielded.

        16 <= seq_len <= 512, bounded batch_size * seq_len. A later call continues where the stream stands and ends
        the earlier iterator. `model(tokens)` must return a tensor (B, T, V). Raises ContractError.

        The model predicts under no_grad and eval(), and its state is put back. With `reuse_forward` it predicts in the
        mode that the loop left it in, with autograd, and `batch.logits` spares the loop its own forward: the same
        input must then give the same output twice (dropout does: the generators are put back), and what the forward
        changes in buffers and generators stays.
        """
        length = self.max_seq_len if seq_len is None else seq_len
        return self._batches(model, batch_size, length, tokenizer, reuse_forward)
