import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { packageRoot } from '../../cli/package-root.ts';
import { codeHash } from '../../domain/bundle.ts';
import { type PolicyDraft, policySchema } from '../../domain/policy/policy.ts';
import type { InstantiationReport } from '../../domain/ports/instantiator.ts';
import type { GateResult } from '../../domain/submission/commands.ts';
import type { LivingState } from '../../domain/submission/state.ts';
import { instantiator } from '../../executor/instantiation-container.ts';
import { kernelMemoryOf } from '../../executor/kernel-memory.ts';
import { parametersGate } from '../../gates/parameters/parameters-gate.ts';
import { bundleFiles } from '../adversarial/bundle.ts';
import { contract } from '../domain/submission-examples.ts';
import { describeWithEngine } from './with-engine.ts';

type Texts = Readonly<Record<string, string>>;
type Seen = { readonly result: GateResult; readonly report: InstantiationReport | null };

const silent = { info() {}, warn() {}, error() {} };
const reference = { sha256: 'a'.repeat(64), bytes: 1, keyId: null };
const training = 'def train(ctx):\n    pass\n';

async function example(name: string): Promise<Texts> {
  const folder = join(packageRoot, 'examples', name);
  const texts = (await readdir(folder)).map(
    async (path) => [path, await readFile(join(folder, path), 'utf8')] as const,
  );
  return Object.fromEntries(await Promise.all(texts));
}

/** An architecture with these two lines; its class has the name `Model`. */
function model(init: string, forward: string): Texts {
  const architecture = `import os, time
import torch
from torch import nn

class Model(nn.Module):
    def __init__(self, vocab):
        super().__init__()
        ${init}

    def forward(self, tokens):
        ${forward}

def build_model(ctx):
    return Model(ctx.vocab_size)
`;
  return { 'architecture.py': architecture, 'training.py': training };
}

const honest = 'return self.embed(tokens)';
const small: PolicyDraft = { limits: { memoryBytes: 2 ** 30 } };

describeWithEngine('the parameters gate in its container', (real) => {
  async function look(texts: Texts, draft: PolicyDraft = small, tokenizer: 'bytes' | 'gpt2' = 'bytes'): Promise<Seen> {
    const { docker, engine, imageId, instance } = real();
    const files = Object.entries(texts).map(([path, text]) => ({ path, bytes: Buffer.from(text) }));
    let evidence = '';
    const ask = parametersGate({
      readBundle: async () => files,
      blobs: {
        put: async (content) => {
          evidence = String(content);
          return reference;
        },
      },
      instantiate: instantiator({
        ...{ engine, imageId, instance, seasonSecret: new Uint8Array(32), tokenizersDir: '/none' },
        kernelMemory: () => kernelMemoryOf(docker),
        logger: silent,
      }),
      stopping: new AbortController().signal,
    });
    const { architecture, training } = contract;
    const state: LivingState = {
      ...{
        phase: 'gate',
        gate: 'parameters',
        deferral: null,
        sketchVersion: null,
        runs: [],
        expiredHolds: 0,
        publishBlind: false,
        originals: [],
      },
      contract: {
        ...{ ...contract, tokenizer, training },
        architecture: { ...architecture, symbol: 'build_model' },
      },
      identity: {
        ...{ submissionId: 's', hotkey: 'h', codeHash: codeHash(files), bundle: reference, epoch: 0 },
        receivedAt: '2026-01-01T00:00:00.000Z',
      },
    };
    const result = await ask(state, { version: 1, policy: policySchema.parse(draft) });
    return { result, report: JSON.parse(evidence).instantiated.report ?? null };
  }

  /** The first finding: its rule without the prefix, and its place. */
  function finding({ result }: Seen): string {
    const [found] = 'findings' in result ? (result.findings ?? []) : [];
    return `${result.kind} ${found?.rule.replace('prism:parameters-', '')} ${found?.path}:${found?.line}`;
  }

  const shipped = [
    ['gru', 'bytes', 321_280],
    ['transformer', 'bytes', 493_056],
    ['gpt2-v2', 'gpt2', 3_291_793],
  ] as const;
  for (const [name, tokenizer, parameters] of shipped) {
    it(`passes the example ${name}, and counts it`, async () => {
      const { result, report } = await look(await example(name), small, tokenizer);
      expect(result).to.deep.include({ kind: 'passed', findings: [] });
      expect(report).to.include({ stage: 'done', parameters, buffers: 0 });
    });
  }

  it('records how a model behaves: a renamed one the same, another initialisation otherwise', async () => {
    const { 'architecture.py': architecture = '', 'training.py': training = '' } = await example('gru');
    const behaviourOf = async (text: string) => {
      const { result } = await look({ 'architecture.py': text, 'training.py': training });
      return result.kind === 'passed' ? result.behaviour : result.kind;
    };
    const original = await behaviourOf(architecture);
    expect(original).to.match(/^[0-9a-f]{64}$/);
    const renamed = architecture.replaceAll('GruModel', 'Renamed').replaceAll('self.gru', 'self.recurrence');
    expect(renamed).to.not.equal(architecture);
    expect(await behaviourOf(renamed)).to.equal(original);
    const drawn = architecture.replace('self.gru =', 'nn.Linear(1, 1)\n        self.gru =');
    expect(drawn).to.not.equal(architecture);
    expect(await behaviourOf(drawn))
      .to.match(/^[0-9a-f]{64}$/)
      .and.not.equal(original);
  });

  for (const name of ['honest-lane-state', 'honest-dropout', 'honest-experts', 'honest-long-convolution']) {
    it(`passes ${name} without a remark`, async () => {
      expect((await look(await bundleFiles(name))).result).to.deep.include({ kind: 'passed', findings: [] });
    });
  }

  it('rejects a lazy model whose first forward takes it over the cap', async () => {
    const lazy = model(
      'self.embed = nn.Embedding(vocab, 64); self.head = nn.LazyLinear(vocab)',
      'return self.head(self.embed(tokens))',
    );
    const seen = await look(lazy, { limits: { ...small.limits, maxParameters: 30_000 } });
    expect(finding(seen)).to.equal('failed cap architecture.py:null');
    expect(seen.report?.parameters).to.equal(256 * 64 + 64 * 256 + 256);
  });

  it('rejects a build_model that sleeps, and names the line', async () => {
    const sleeping = model('time.sleep(3600)', honest);
    expect(finding(await look(sleeping, { ...small, instantiation: { cpuSeconds: 1 } }))).to.equal(
      'failed time architecture.py:8',
    );
  });

  it('rejects a computation that holds the interpreter, by the kernel’s limit', async () => {
    const holding = model('sum(range(10 ** 13))', honest);
    expect(finding(await look(holding, { ...small, instantiation: { cpuSeconds: 1 } }))).to.match(
      /^failed time architecture\.py:/,
    );
  });

  it('rejects an exception, and names the line of the innermost module of the bundle', async () => {
    const files = {
      ...model('from blocks import mix; mix(vocab)', honest),
      'blocks.py': 'def mix(x):\n    return x / 0\n',
    };
    expect(finding(await look(files))).to.equal('failed instantiation blocks.py:2');
  });

  it('rejects a model that wants more memory than there is, wherever it takes it from', async () => {
    expect(finding(await look(model('self.x = torch.empty(1 << 31)', honest)))).to.equal(
      'failed memory architecture.py:8',
    );
    const shared = model(
      'import mmap; m = mmap.mmap(-1, 4 << 30); [m.write(bytes(1 << 24)) for _ in range(256)]',
      honest,
    );
    expect(finding(await look(shared))).to.equal('failed memory architecture.py:null');
  });

  it('rejects a model without a mask, and one that draws for itself', async () => {
    expect(finding(await look(await bundleFiles('bidirectional-attention')))).to.equal(
      'failed causality architecture.py:null',
    );
    expect(finding(await look(await bundleFiles('training-in-forward')))).to.equal(
      'failed deterministic architecture.py:null',
    );
  });

  it('comes to a verdict whatever the process does to itself', async () => {
    const flood = 'os.write(1, b"x" * 65536) and None';
    const ends = [
      ['os._exit(0)', 'failed instantiation architecture.py:null'],
      ['os.kill(os.getpid(), 9)', 'failed instantiation architecture.py:null'],
      ['os.closerange(3, 100); os._exit(0)', 'failed instantiation architecture.py:null'],
      [`[${flood} for _ in range(1 << 20)]`, 'failed instantiation architecture.py:null'],
      [
        '[os.write(fd, b"{}\\n") for fd in range(3, 10) if os.path.exists(f"/proc/self/fd/{fd}") and os.readlink(f"/proc/self/fd/{fd}").startswith("pipe")]; os._exit(0)',
        'failed instantiation architecture.py:null',
      ],
    ] as const;
    for (const [init, expected] of ends) expect(finding(await look(model(init, honest))), init).to.equal(expected);
  });
});
