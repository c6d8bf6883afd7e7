import type { BundleFile } from '../../domain/bundle.ts';
import { packFiles } from '../../gates/pack.ts';

/** A byte model of one embedding and one recurrent layer: learns a little, quickly. */
export function architecture({ width = 16 } = {}): string {
  return `
import torch
from torch import nn


class Recurrent(nn.Module):
    def __init__(self, vocab_size, width):
        super().__init__()
        self.embed = nn.Embedding(vocab_size, width)
        self.cell = nn.GRU(width, width, batch_first=True)
        self.head = nn.Linear(width, vocab_size)

    def forward(self, tokens):
        hidden, _ = self.cell(self.embed(tokens))
        return self.head(hidden)


def build_model(ctx):
    return Recurrent(ctx.vocab_size, ${width})
`;
}

/** The plainest honest loop, with places for what a test adds: before it, and after a step. */
export function training({ before = '', inLoop = '' } = {}): string {
  return `
import torch
from torch.nn.functional import cross_entropy
${before}

def train(ctx):
    model = ctx.build_model()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    step = 0
    for batch in ctx.iter_train_batches(model, batch_size=4, seq_len=32):
        step += 1
        logits = model(batch.tokens[:, :-1])
        loss = cross_entropy(logits.flatten(0, 1), batch.tokens[:, 1:].flatten())
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
${indented(inLoop)}
`;
}

/** As the body of the loop. */
function indented(text: string): string {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  return lines.map((line) => `        ${line}`).join('\n');
}

/** An archive of both scripts and more. */
export function bundle(
  scripts: { readonly architecture?: string; readonly training?: string },
  more: Readonly<Record<string, string>> = {},
): Uint8Array {
  const files = {
    'architecture.py': scripts.architecture ?? architecture(),
    'training.py': scripts.training ?? training(),
    ...more,
  };
  return packFiles(Object.entries(files).map(([path, text]): BundleFile => ({ path, bytes: Buffer.from(text) })));
}
