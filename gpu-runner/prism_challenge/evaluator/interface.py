"""The types of `build_model(ctx)` and `train(ctx)`, for bundles to import."""

from prism_runner.context import PrismBatch, PrismContext

__all__ = ["PrismBatch", "PrismContext"]
