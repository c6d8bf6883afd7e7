import torch


def option(ctx, default=None):
    value = getattr(ctx, "token_budget", default)
    return value if hasattr(ctx, "step_budget") else default


class Wrapper(torch.nn.Module):
    """Passes on what it doesn't have."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def __getattr__(self, name):
        try:
            return super().__getattr__(name)
        except AttributeError:
            return super().__getattr__("inner")

    def __setattr__(self, name, value):
        super().__setattr__(name, value)

    def __len__(self):
        return sum(1 for _ in self.inner.parameters())

    def __call__(self, *args, **kwargs):
        return super().__call__(*args, **kwargs)

    def forward(self, x):
        return self.inner(x)


def train(ctx):
    model = Wrapper(ctx.build_model())
    setattr(model, "budget", option(ctx))
    print(type(model).__name__, model.__doc__, Wrapper.__module__, len(model))
