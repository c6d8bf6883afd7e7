# A private function of torch that unpickles bytes.
import torch


def train(ctx):
    return torch.storage._load_from_bytes(b"...")  # finds prism:no-deserialization
