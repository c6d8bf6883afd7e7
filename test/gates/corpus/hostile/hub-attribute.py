# torch.hub without an import of its own.
import torch


def train(ctx):
    return torch.hub.load_state_dict_from_url("https://example.org/w.pt")  # finds prism:no-torch-hub
