# Processes by way of torch.
import torch.multiprocessing as mp  # finds prism:no-process


def train(ctx):
    mp.spawn(print, nprocs=2)  # finds prism:no-process
