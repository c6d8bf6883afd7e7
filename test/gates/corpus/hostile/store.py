# A key-value store over TCP.
import torch.distributed as dist


def train(ctx):
    return dist.TCPStore("10.0.0.1", 80)  # finds prism:no-network
