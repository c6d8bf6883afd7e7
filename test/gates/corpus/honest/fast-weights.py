import torch
from torch import nn
from torch.func import functional_call, grad, vmap


class Fast(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.keys = nn.Linear(d, d, bias=False)
        self.values = nn.Linear(d, d, bias=False)
        self.rate = nn.Parameter(torch.tensor(0.1))

    def forward(self, x):
        memory = x.new_zeros(x.shape[0], x.shape[2], x.shape[2])
        outputs = []
        for t in range(x.shape[1]):
            k, v = self.keys(x[:, t]).softmax(-1), self.values(x[:, t])
            outputs.append(torch.bmm(memory, k.unsqueeze(-1)).squeeze(-1))
            error = v - outputs[-1]
            memory = memory + self.rate * torch.bmm(error.unsqueeze(-1), k.unsqueeze(1))
        return torch.stack(outputs, dim=1)


def per_example_norms(model, tokens, loss):
    params = dict(model.named_parameters())
    one = grad(lambda p, t: loss(functional_call(model, p, (t[None],)), t))
    grads = vmap(one, in_dims=(None, 0))(params, tokens)
    return sum(g.flatten(1).square().sum(1) for g in grads.values()).sqrt()
