import { readdirSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import { policySchema } from '../../domain/policy/policy.ts';
import type { ResolvedContract } from '../../domain/submission/events.ts';
import { bundleGates } from '../../gates/bundle-gates.ts';
import { contract } from '../domain/submission-examples.ts';
import { specimens } from './corpus.ts';
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

  const claimed = specimens('honest').filter(({ files }) =>
    files.some(({ bytes }) => Buffer.from(bytes).includes('torch.distributed')),
  );
  it('knows honest bundles of the corpus that use several processes', () => {
    expect(claimed.map(({ name }) => name)).to.include.members(['data-parallel', 'fully-sharded']);
  });
  for (const { name, files } of claimed) {
    it(`lets ${name} of the honest corpus pass`, async () => {
      const sources = Object.fromEntries(files.map(({ path, bytes }) => [path, Buffer.from(bytes).toString()]));
      expect(await rules('', sources)).to.deep.equal([]);
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

  /** The working example whose write is in a function of its own. */
  const saving = (call: string, helper = 'def save(state, path):\n    torch.save(state, path)\n') =>
    `${whole.replace('if ctx.rank == 0:\n        torch.save', call)}\n\n${helper}`;
  const written: readonly (readonly [string, string, readonly string[]])[] = [
    ['by a function that is only called where the rank is asked for', saving('if ctx.rank == 0:\n        save'), []],
    ['by a function that everybody calls', saving('if True:\n        save'), ['prism:distributed-rank-guard:41']],
    [
      'by a function that somebody else calls as well',
      saving('save(model, "other.pt")\n    if ctx.rank == 0:\n        save'),
      ['prism:distributed-rank-guard:42'],
    ],
    [
      'by a function of a function',
      saving(
        'if ctx.rank == 0:\n        outer',
        'def save(*a):\n    torch.save(*a)\n\n\ndef outer(*a):\n    save(*a)\n',
      ),
      [],
    ],
    [
      'by a function that nobody is known to call',
      saving('if ctx.rank == 0:\n        print'),
      ['prism:distributed-rank-guard:41'],
    ],
    [
      'by a function that only calls itself where the rank is asked for',
      saving('if True:\n        save', 'def save(*a):\n    torch.save(*a)\n    if rank:\n        save(*a)\n'),
      ['prism:distributed-rank-guard:41'],
    ],
    [
      'by the entry point, though something calls it where the rank is asked for',
      whole
        .replace('    if ctx.rank == 0:\n        torch.save', '    torch.save')
        .concat('\n\ndef again(ctx):\n    if ctx.rank == 0:\n        train(ctx)\n'),
      ['prism:distributed-rank-guard:34'],
    ],
  ];
  for (const [where, training, expected] of written) {
    it(`${expected.length === 0 ? 'lets pass' : 'misses a question for the rank around'} what is written ${where}`, async () => {
      expect(await rules(training)).to.deep.equal(expected);
    });
  }

  it('follows calls into other modules, through those that pass a function on', async () => {
    const parts = {
      'tools/__init__.py': 'from tools.io import save\n',
      'tools/io.py': 'import torch\n\n\ndef save(*a):\n    torch.save(*a)\n',
    };
    const script = (call: string) =>
      whole
        .replace('if ctx.rank == 0:\n        torch.save', call)
        .replace('import torch\n', 'import torch\nfrom tools import save\n');
    expect(await rules(script('if ctx.rank == 0:\n        save'), parts)).to.deep.equal([]);
    expect(await rules(script('if True:\n        save'), parts)).to.deep.equal(['prism:distributed-rank-guard:5']);
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
