from functools import lru_cache, partial, reduce, wraps

import torch


@lru_cache(maxsize=8)
def causal_mask(length, device="cpu"):
    return torch.ones(length, length, dtype=torch.bool, device=device).tril()


def logged(function):
    @wraps(function)
    def inner(*args, **kwargs):
        result = function(*args, **kwargs)
        print(function.__name__, tuple(result.shape))
        return result

    return inner


act = partial(torch.nn.functional.gelu, approximate="tanh")
total = partial(reduce, lambda a, b: a + b)


@logged
def attend(q, k, v):
    scores = (q @ k.mT).masked_fill(~causal_mask(q.shape[-2]), float("-inf"))
    return act(scores.softmax(-1) @ v)
