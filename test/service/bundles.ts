import type { BundleFile } from '../../domain/bundle.ts';
import { packFiles } from '../../gates/pack.ts';

/**
 * A byte model of one embedding and one recurrent layer: learns a little, quickly. The forced seed follows from the bundle's own hash;
 * a `fixedSeed` makes models of two bundles start from the same weights all the same.
 */
export function architecture({ width = 16, fixedSeed = null as number | null } = {}): string {
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
    ${fixedSeed === null ? '' : `torch.manual_seed(${fixedSeed})`}
    return Recurrent(ctx.vocab_size, ${width})
`;
}

/**
 * The plainest honest loop, with places for what an attacker adds: before it, before the model is built, after a step, and after the last one. It
 * takes its loss function at the import: what is patched later doesn't change what it learns.
 */
export function training({ before = '', atStart = '', inLoop = '', after = '' } = {}): string {
  return `
import torch
from torch.nn.functional import cross_entropy
${before}

def train(ctx):
${indented(atStart, 4)}
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
${indented(inLoop, 8)}
${indented(after, 4)}
`;
}

function indented(text: string, spaces: number): string {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  return lines.map((line) => `${' '.repeat(spaces)}${line}`).join('\n');
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
