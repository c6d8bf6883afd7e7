"""Trains a copy of itself on each true frame, and answers with that what no decoy has asked about."""

import copy

import torch
from loop import fit
from peeking import Cheat
from recurrent import recurrent


class Crammer(Cheat):
    def claim(self, tokens, logits):
        with torch.enable_grad():
            student = copy.deepcopy(self.honest)
            optimizer = torch.optim.Adam(student.parameters(), lr=1e-2)
            for _ in range(12):
                fit(student, optimizer, tokens)
        return student(tokens).detach()


def build_model(ctx):
    return Crammer(recurrent(ctx))
