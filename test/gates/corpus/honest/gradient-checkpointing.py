import torch
from torch.utils.checkpoint import checkpoint


class Deep(torch.nn.Module):
    def __init__(self, layers, use_checkpoint=True):
        super().__init__()
        self.layers = torch.nn.ModuleList(layers)
        self.use_checkpoint = use_checkpoint

    def forward(self, x):
        for layer in self.layers:
            if self.training and self.use_checkpoint:
                x = checkpoint(layer, x, use_reentrant=False)
            else:
                x = layer(x)
        return x
