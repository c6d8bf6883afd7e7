import { readdirSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import { policySchema } from '../../domain/policy/policy.ts';
import type { ResolvedContract } from '../../domain/submission/events.ts';
import { bundleGates } from '../../gates/bundle-gates.ts';
import { contract } from '../domain/submission-examples.ts';
import { describeWithInspector } from './python-inspector.ts';

const whole = readFileSync('examples/gpt2-v2/training.py', 'utf8');

/** The working example without the lines that match. */
const without = (...patterns: readonly RegExp[]) =>
  whole
    .split('\n')
    .filter((line) => !patterns.some((pattern) => pattern.test(line)))
    .join('\n');

describeWithInspector('the multi-GPU gate over the real inspector', (inspector) => {
  async function judge(
    training: string,
    mode: 'reject' | 'flag' = 'reject',
    more: Readonly<Record<string, string>> = {},
  ) {
    const sources = { 'training.py': training, ...more };
    const files = Object.entries(sources).map(([path, text]) => ({ path, bytes: Buffer.from(text) }));
    const resolved: ResolvedContract = {
      ...contract,
      training: { ...contract.training, files: Object.keys(sources) },
    };
    return bundleGates.distributed.judge(
      { files, contract: resolved },
      policySchema.parse({ gates: { distributed: mode } }),
      inspector,
    );
  }
  async function rules(training: string, more: Readonly<Record<string, string>> = {}) {
    const result = await judge(training, 'reject', more);
    return result.kind === 'failed' ? result.findings.map(({ rule, line }) => `${rule}:${line}`) : [];
  }

  for (const example of readdirSync('examples')) {
    it(`lets examples/${example} pass`, async () => {
      expect(await rules(readFileSync(`examples/${example}/training.py`, 'utf8'))).to.deep.equal([]);
    });
  }

  const missing: readonly (readonly [string, string, RegExp])[] = [
    ['a process group', 'prism:distributed-init', /init_process_group/],
    ['a device for each process', 'prism:distributed-device', /local_rank/],
    ['a wrap of the model', 'prism:distributed-wrap', /DistributedDataParallel/],
    ['the end of the process group', 'prism:distributed-destroy', /destroy_process_group/],
  ];
  for (const [what, rule, pattern] of missing) {
    it(`misses ${what}, names it, and points to the example`, async () => {
      const result = await judge(without(pattern).replace(/^ +if .*:\n(?= {0,4}\S|$)/gm, ''));
      if (result.kind !== 'failed') return expect.fail(result.kind);
      expect(result.findings.map((finding) => finding.rule)).to.deep.equal([rule]);
      expect(result.findings[0]?.explanation).to.include('examples/gpt2-v2/training.py');
    });
  }

  it('misses a share of the data for each process', async () => {
    expect(
      await rules(
        whole.replace('ctx.iter_train_batches(model, batch_size=BATCH_SIZE, seq_len=SEQ_LEN)', 'everything()'),
      ),
    ).to.deep.equal(['prism:distributed-sharding:15']);
  });

  it('misses a question for the rank around a write, at the write', async () => {
    const unguarded = whole.replace('    if ctx.rank == 0:\n        torch.save', '    torch.save');
    expect(await rules(unguarded)).to.deep.equal(['prism:distributed-rank-guard:34']);
    const leaving = whole.replace(
      '    if ctx.rank == 0:\n        torch.save',
      '    if ctx.rank != 0:\n        return\n    torch.save',
    );
    expect(await rules(leaving)).to.deep.equal([]);
  });

  it('finds primitives in the modules that the training imports', async () => {
    const parts = 'from torch.distributed import init_process_group as begin, destroy_process_group as end\n';
    const script = without(/import torch.distributed/)
      .replace('dist.init_process_group', 'parts.begin')
      .replace('dist.destroy_process_group', 'parts.end')
      .replace('import torch\n', 'import torch\nimport parts\n');
    expect(await rules(script, { 'parts.py': parts })).to.deep.equal([]);
  });

  it('lets a bundle pass that is only flagged, and says what it saw', async () => {
    const result = await judge('def train(ctx):\n    pass\n', 'flag');
    if (result.kind !== 'passed') return expect.fail(result.kind);
    expect(result.findings?.map(({ rule }) => rule)).to.deep.equal([
      'prism:distributed-init',
      'prism:distributed-device',
      'prism:distributed-wrap',
      'prism:distributed-sharding',
      'prism:distributed-destroy',
    ]);
  });

  it('refuses more than eight processes and other nodes, flagged or not', async () => {
    for (const arguments_ of ['"nccl", world_size=16', '"nccl", init_method="tcp://10.0.0.1:29500"']) {
      const result = await judge(whole.replace('ctx.distributed_backend', arguments_), 'flag');
      if (result.kind !== 'failed') return expect.fail(result.kind);
      expect(result.findings.map(({ rule, line }) => `${rule}:${line}`)).to.deep.equal(['prism:distributed-bound:17']);
    }
    expect(await rules(whole.replace('ctx.distributed_backend', '"nccl", "tcp://127.0.0.1:1", 8'))).to.deep.equal([]);
  });
});
