"""What the contestant is told at the start, and what it may ask for when it opens an iterator. Pure."""

from collections.abc import Mapping

from prism_runner.fields import FieldError, Fields, integer, text
from prism_runner.spec import RunSpec
from prism_runner.stream import TokenStream

SMALLEST_SEQ_LEN = 16
SMALLEST_SHARE = 64  # a batch holds at most this share of the stream's tokens


def context_values(spec: RunSpec, stream: TokenStream) -> Mapping[str, object]:
    """What ctx tells the bundle; the same in every run and rerun of a submission, attempt number included."""
    return {
        "tokenizer": spec.tokenizer,
        "vocabSize": stream.vocab,
        "maxSeqLen": spec.limits.default_seq_len,
        "maxLayers": spec.limits.max_layers,
        "maxParameters": spec.limits.max_parameters,
        "seed": spec.seed,
        "device": spec.device,
        "worldSize": spec.world_size,
        "backend": spec.backend,
        "threads": spec.threads,
        "tokenBudget": len(stream.tokens),
        "budgetSeconds": spec.limits.shown_budget_seconds,
    }


def checked_shape(header: Fields, spec: RunSpec, stream_tokens: int) -> tuple[int, int]:
    """B and T of an `open` that keeps within the contract. Raises FieldError, which names the bound."""
    tokenizer = header.get("tokenizer")
    if tokenizer is not None and tokenizer != spec.tokenizer:
        named = text(header, "tokenizer", 4096)
        raise FieldError(f"tokenizer {named!r} differs from the manifest's, {spec.tokenizer!r}")
    try:
        seq_len = integer(header, "seqLen", SMALLEST_SEQ_LEN, spec.limits.max_seq_len)
        batch_size = integer(header, "batchSize", 1, spec.limits.max_batch_tokens)
    except FieldError as error:
        renamed = str(error).replace("seqLen", "seq_len").replace("batchSize", "batch_size")
        raise FieldError(renamed) from error
    most = min(spec.limits.max_batch_tokens, stream_tokens // SMALLEST_SHARE)
    if batch_size * seq_len > most:
        raise FieldError(
            f"batch_size * seq_len = {batch_size * seq_len} is over the bound of {most} "
            f"({spec.limits.max_batch_tokens}, and 1/{SMALLEST_SHARE} of the stream's {stream_tokens} tokens)"
        )
    return batch_size, seq_len
