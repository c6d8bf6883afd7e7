"""Functions and variables that are called like builtins, and are the script's own."""
import torch


def eval(model, batch):
    model.eval()
    with torch.no_grad():
        return model(batch.tokens)


def compile(layers):
    return torch.nn.Sequential(*layers)


vars = {"lr": 1e-3}
input, open, exit = 0, True, None


class Meter:
    def __init__(self):
        self.open, self.input, self.dir = [], 0.0, ""

    def exec(self, input):
        self.open.append(input)
        return self

    def load(self, io):
        self.io = io
        return self.io


def train(ctx):
    model = compile([ctx.build_model()])
    help = Meter()
    for batch in ctx.iter_train_batches(model):
        input = batch.tokens[:, :-1]
        help.exec(input).load(input)
        globals = eval(model, batch)
        del globals
        if open and vars["lr"] > 0:
            model.train()
            model(input).sum().backward()
