import { expect } from 'chai';
import fc from 'fast-check';
import { codeHash } from '../../domain/bundle.ts';
import { readArchive } from '../../gates/intake.ts';
import { packFiles } from '../../gates/pack.ts';
import { bundleLimits, zipRules } from '../../gates/zip-rules.ts';
import { fuzzBudget } from './fuzz-runs.ts';
import { writeZip } from './zip-writer.ts';

const segment = fc.stringMatching(/^[a-z][a-z0-9_]{0,11}$/);
const suffix = fc.constantFrom('.py', '.toml', '.yaml', '.yml', '.json', '.txt', '.md');
const path = fc
  .tuple(fc.array(segment, { maxLength: 3 }), segment, suffix)
  .map(([folders, name, end]) => [...folders, `${name}${end}`].join('/'));
// Content of letters begins like no archive.
const content = fc
  .string({ unit: fc.constantFrom('a', 'b', ' ', '\n', 'ü'), maxLength: 4_000 })
  .map((text) => Buffer.from(text));
const fileSets = fc.uniqueArray(fc.record({ path, bytes: content }), {
  selector: (file) => file.path,
  minLength: 1,
  maxLength: 20,
});

const honest = writeZip(
  [
    { name: 'architecture.py', content: 'def build_model(ctx):\n    return None\n'.repeat(20) },
    { name: 'blocks/', mode: 0o040755, method: 0 },
    { name: 'blocks/mix.py', content: 'x = 1\n', method: 0 },
    { name: 'training.py', content: 'def train(ctx): ...\n', descriptor: 'signed' },
  ],
  { comment: Buffer.from('made by hand') },
);

const damage = fc.oneof(
  fc.record({ kind: fc.constant('set' as const), at: fc.nat(honest.length - 1), value: fc.nat(255) }),
  fc.record({
    kind: fc.constant('word' as const),
    at: fc.nat(honest.length - 4),
    value: fc.constantFrom(0, 1, 0xffff, 0xffffffff, 0x7fffffff),
  }),
  fc.record({ kind: fc.constant('cut' as const), at: fc.nat(honest.length - 1), value: fc.nat(40) }),
  fc.record({ kind: fc.constant('repeat' as const), at: fc.nat(honest.length - 1), value: fc.nat(60) }),
);

function damaged(damages: readonly { readonly kind: string; readonly at: number; readonly value: number }[]): Buffer {
  let archive = Buffer.from(honest);
  for (const { kind, at, value } of damages) {
    if (kind === 'set' && at < archive.length) archive[at] = value;
    if (kind === 'word' && at + 4 <= archive.length) archive.writeUInt32LE(value, at);
    if (kind === 'cut') archive = Buffer.concat([archive.subarray(0, at), archive.subarray(at + value)]);
    if (kind === 'repeat') archive = Buffer.concat([archive.subarray(0, at + value), archive.subarray(at)]);
  }
  return archive;
}

async function isJudged(archive: Uint8Array): Promise<void> {
  const read = await readArchive(archive);
  if (read.kind === 'refused') return void expect(read.rule in zipRules, read.rule).to.equal(true);
  expect(read.contentBytes).to.be.at.most(bundleLimits.contentBytes);
}

describe('intake under chance', function () {
  this.timeout(fuzzBudget(1).timeoutMs);

  it('gives back every valid set of files, with its code hash', async () => {
    await fc.assert(
      fc.asyncProperty(fileSets, async (files) => {
        const read = await readArchive(packFiles(files));
        if (read.kind === 'refused') throw new Error(`${read.rule} ${read.entry}`);
        expect(read.codeHash).to.equal(codeHash(files));
        expect(read.files.map((file) => [file.path, Buffer.from(file.bytes).toString()])).to.have.deep.members(
          files.map((file) => [file.path, file.bytes.toString()]),
        );
      }),
      { numRuns: fuzzBudget(60).numRuns },
    );
  });

  it('judges a damaged archive, and neither throws nor hangs', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(damage, { minLength: 1, maxLength: 4 }), (damages) => isJudged(damaged(damages))),
      { numRuns: fuzzBudget(1_500).numRuns },
    );
  });

  it('judges chance bytes between an honest beginning and an honest end', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 400 }), fc.nat(honest.length), (bytes, at) =>
        isJudged(Buffer.concat([honest.subarray(0, at), bytes, honest.subarray(at)])),
      ),
      { numRuns: fuzzBudget(300).numRuns },
    );
  });
});
