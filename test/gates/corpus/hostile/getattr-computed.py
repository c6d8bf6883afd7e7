# A name that only running would tell.
import torch


def train(ctx):
    return getattr(torch, ctx.device)  # finds prism:no-dynamic-attribute
