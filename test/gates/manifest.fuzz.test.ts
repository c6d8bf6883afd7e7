import { expect } from 'chai';
import fc from 'fast-check';
import { contractRules } from '../../gates/contract-rules.ts';
import { readDeclaration } from '../../gates/manifest.ts';
import { fuzzBudget } from './fuzz-runs.ts';

const { numRuns, timeoutMs } = fuzzBudget(400);
const tokenizers = ['bytes', 'gpt2'] as const;

const word = fc.constantFrom(
  ...[
    'kind',
    'full',
    'training',
    'architecture',
    'entrypoint',
    'training.py',
    'train',
    'files',
    'tokenizer',
    'bytes',
    'name',
  ],
  ...[
    '&a',
    '*a',
    '<<',
    '!!python/object',
    '!!binary',
    '? ',
    '- ',
    ': ',
    ', ',
    '[',
    ']',
    '{',
    '}',
    '|',
    '>',
    '"',
    "'",
    '#',
  ],
  ...[
    '\n',
    '\n  ',
    '\n    ',
    '\t',
    '---\n',
    '...\n',
    '%YAML 1.2\n',
    '\u0000',
    '\ufeff',
    '\u2028',
    '1e999',
    '0x1F',
    '~',
    'null',
  ],
);
const patched = fc.array(word, { maxLength: 60 }).map((parts) => Buffer.from(parts.join('')));
const bytes = fc.uint8Array({ maxLength: 300 });

const aliases = (depth: number) =>
  Array.from({ length: depth }, (_, level) =>
    level === 0 ? 'a0: &a0 [x]' : `a${level}: &a${level} [*a${level - 1}, *a${level - 1}]`,
  ).join('\n');
const extremes = fc.oneof(
  fc.integer({ min: 1, max: 40 }).map(aliases),
  fc.integer({ min: 1, max: 8_000 }).map((depth) => '['.repeat(depth)),
  fc
    .integer({ min: 1, max: 4_000 })
    .map((depth) => Array.from({ length: depth }, (_, at) => `${' '.repeat(at % 90)}a:`).join('\n')),
  fc.integer({ min: 1, max: 16_000 }).map((length) => `name: ${'x'.repeat(length)}`),
);

function isRead(manifest: Uint8Array): void {
  const files = [
    { path: 'architecture.py', bytes: Buffer.from('') },
    { path: 'prism.yaml', bytes: manifest },
    { path: 'training.py', bytes: Buffer.from('') },
  ];
  const read = readDeclaration(files, tokenizers);
  if (read.kind !== 'failed') return;
  expect(read.findings).to.not.deep.equal([]);
  for (const { rule, explanation } of read.findings) {
    expect(rule in contractRules, rule).to.equal(true);
    expect(explanation.length).to.be.below(2_000);
  }
}

describe('a manifest by chance is read or refused', function () {
  this.timeout(timeoutMs);

  it('of the parts that manifests are made of', () => {
    fc.assert(fc.property(patched, isRead), { numRuns });
  });

  it('of any bytes', () => {
    fc.assert(fc.property(bytes, isRead), { numRuns });
  });

  it('nested, aliased and long beyond reason', () => {
    fc.assert(
      fc.property(extremes, (text) => isRead(Buffer.from(text))),
      { numRuns: Math.ceil(numRuns / 10) },
    );
  });
});
