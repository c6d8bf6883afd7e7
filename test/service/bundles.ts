import type { BundleFile } from '../../domain/bundle.ts';
import { packFiles } from '../../gates/pack.ts';

/** A byte model of one embedding and one recurrent layer: learns a little, quickly. */
export function architecture(width: number): string {
  return `
import torch
from torch import nn

WIDTH = ${width}


class Recurrent(nn.Module):
    def __init__(self, vocab_size):
        super().__init__()
        self.embed = nn.Embedding(vocab_size, WIDTH)
        self.cell = nn.GRU(WIDTH, WIDTH, batch_first=True)
        self.head = nn.Linear(WIDTH, vocab_size)

    def forward(self, tokens):
        hidden, _ = self.cell(self.embed(tokens))
        return self.head(hidden)


def build_model(ctx):
    return Recurrent(ctx.vocab_size)
`;
}

/** The plainest honest loop, with a place for what an attacker adds before it and in every step. */
export function training({ before = '', inLoop = '', after = '' } = {}): string {
  return `
import torch
import torch.nn.functional as F

${before}


def train(ctx):
    model = ctx.build_model()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    step = 0
    for batch in ctx.iter_train_batches(model, batch_size=4, seq_len=32):
        step += 1
        logits = model(batch.tokens[:, :-1])
        loss = F.cross_entropy(logits.reshape(-1, logits.shape[-1]), batch.tokens[:, 1:].reshape(-1))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
${indented(inLoop, 8)}
${indented(after, 4)}
`;
}

function indented(text: string, spaces: number): string {
  const lines = text.split('\n').filter((line) => line !== '');
  return lines.map((line) => `${' '.repeat(spaces)}${line}`).join('\n');
}

/** An archive of a model of that width and a training script. */
export function bundle(width: number, trainingSource: string, more: readonly BundleFile[] = []): Uint8Array {
  return packFiles([
    { path: 'architecture.py', bytes: Buffer.from(architecture(width)) },
    { path: 'training.py', bytes: Buffer.from(trainingSource) },
    ...more,
  ]);
}
