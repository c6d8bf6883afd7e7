import torch
from torch.nn.utils import parameters_to_vector, vector_to_parameters


class Shampoo(torch.optim.Optimizer):
    def __init__(self, params, lr=1e-2, eps=1e-4, every=10):
        super().__init__(params, dict(lr=lr, eps=eps, every=every))
        self.steps = 0

    def step(self, closure=None):
        self.steps += 1
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None or p.grad.dim() != 2:
                    continue
                state = self.state[p]
                for side, size in enumerate(p.shape):
                    key = f"pre{side}"
                    state.setdefault(key, group["eps"] * torch.eye(size))
                    g = p.grad if side == 0 else p.grad.T
                    state[key] += g @ g.T
                    if self.steps % group["every"] == 1:
                        values, vectors = torch.linalg.eigh(state[key])
                        state["inverse" + key] = vectors @ torch.diag(values.clamp(min=1e-8) ** -0.25) @ vectors.T
                p.data.add_(state["inversepre0"] @ p.grad @ state["inversepre1"], alpha=-group["lr"])


def flat(model):
    vector = parameters_to_vector(model.parameters())
    vector_to_parameters(vector, model.parameters())
    return vector
