import { expect } from 'chai';
import fc from 'fast-check';
import { policySchema } from '../../domain/policy/policy.ts';
import { readModules } from '../../gates/read-modules.ts';
import { judgeStatically } from '../../gates/static/judge.ts';
import { staticRuleIds } from '../../gates/static/rules.ts';
import { specimens } from './corpus.ts';
import { fuzzBudget } from './fuzz-runs.ts';
import { describeWithInspector } from './python-inspector.ts';

const { numRuns, timeoutMs } = fuzzBudget(150);
const { staticRules } = policySchema.parse({});
const sources = [...specimens('hostile'), ...specimens('honest')].flatMap(({ files }) =>
  files.map(({ bytes }) => Buffer.from(bytes)),
);

const piece = fc.constantFrom(
  ...[
    'import torch\n',
    'torch.hub',
    'getattr(',
    '__globals__',
    'lambda: ',
    'def f(x=',
    'class A:\n  ',
    'for x in ',
    'match x:\n  case ',
  ],
  ...[
    '(',
    ')',
    '[',
    ']',
    '{',
    '}',
    '"',
    "'",
    '"""',
    'f"{',
    '}"',
    '\\\n',
    '\n',
    '\n  ',
    '\t',
    ';',
    ':',
    ':=',
    '@',
    '*',
    '**',
    '=',
    '.',
  ],
  ...[
    '\u0000',
    '\r',
    '\f',
    '\ufeff',
    '９',
    'ｅval',
    '\ud83d\ude00',
    '1e999',
    '0x',
    '9'.repeat(300),
    '# coding: latin-1\n',
    'a0=b0;',
  ],
);
const damage = fc.record({
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  cut: fc.nat(30),
  put: fc.array(piece, { maxLength: 4 }),
});
const damaged = fc
  .tuple(fc.constantFrom(...sources), fc.array(damage, { minLength: 1, maxLength: 5 }))
  .map(([source, damages]) =>
    damages.reduce((bytes, { at, cut, put }) => {
      const start = Math.floor(at * bytes.length);
      return Buffer.concat([bytes.subarray(0, start), Buffer.from(put.join('')), bytes.subarray(start + cut)]);
    }, source),
  );
const assembled = fc.array(piece, { maxLength: 80 }).map((parts) => Buffer.from(parts.join('')));
const repeated = fc
  .tuple(piece, piece, fc.integer({ min: 1, max: 30_000 }))
  .map(([first, second, times]) =>
    Buffer.from(`${first}${second}`.repeat(Math.min(times, 60_000 / (first.length + second.length)))),
  );

describeWithInspector('a source by chance gets a verdict from the inspector', (inspector) => {
  async function isJudged(source: Uint8Array): Promise<void> {
    const modules = await readModules(
      [
        { path: 'other.py', bytes: Buffer.from('import torch as t\n') },
        { path: 'training.py', bytes: source },
      ],
      inspector,
    );
    expect(modules.get('other.py')?.error).to.equal(null);
    for (const { rule, line, column } of judgeStatically(modules, ['training.py'], staticRules)) {
      expect(staticRuleIds).to.include(rule);
      expect(Math.min(line ?? 0, column ?? 0)).to.be.at.least(1);
    }
  }

  for (const [name, arbitrary, share] of [
    ['that was a script once', damaged, 1],
    ['of the parts that scripts are made of', assembled, 1],
    ['that repeats itself', repeated, 0.2],
  ] as const) {
    it(name, async function () {
      this.timeout(timeoutMs);
      await fc.assert(fc.asyncProperty(arbitrary, isJudged), { numRuns: numRuns * share });
    });
  }
});
