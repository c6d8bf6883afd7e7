import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { z } from 'zod';
import { measuredIn, readRecord } from '../service/records.ts';
import type { Measured } from '../service/submissions.ts';
import type { Expected, Test } from './cases.ts';
import { streamBytes } from './policies.ts';

/** What the suite reads of a score; bits per raw byte. */
const scoreSchema = z.looseObject({
  bits_per_byte: z.number(),
  counted_bpb: z.number(),
  source_bpb: z.number(),
  multiplier: z.number(),
  confirmation: z.string(),
  blind: z.looseObject({ standard_error_bpb: z.number() }).nullable(),
  held_out: z.looseObject({
    outcome: z.string(),
    bits_per_byte: z.number().nullable(),
    delta_bpb: z.number().nullable(),
    gap_bpb: z.number().nullable(),
  }),
});

/** How the reason of a hold begins. */
const objections: Readonly<Record<Test, RegExp>> = {
  blindMean: /^Blind mean/,
  signedDifferences: /^Signed differences/,
  rerun: /^Run rerun contradicts/,
};

const comparing: readonly Expected['kind'][] = [
  'asTwin',
  'noBetter',
  'gainsAtMost',
  'gainsNothing',
  'comparedWithUniform',
];

export function needsTwin({ kind }: Expected): boolean {
  return comparing.includes(kind);
}

/** Fails unless the submission has ended as expected; `endOfTwin` is asked for the honest bundle's end where that matters. */
export async function expectOutcome(
  expected: Expected,
  ended: Measured,
  endOfTwin: () => Promise<Measured>,
  dataDir: string,
): Promise<void> {
  switch (expected.kind) {
    case 'confirmed':
      expectCompleted(ended);
      expect(scoreOf(ended)).to.include({ confirmation: 'confirmed' });
      return;
    case 'asTwin':
      expectCompleted(ended);
      expect(await measured(ended, dataDir)).to.deep.equal(await measured(await endOfTwin(), dataDir));
      return;
    case 'noBetter':
      expectCompleted(ended);
      expect(worthOf(ended)).to.be.at.most(worthOf(await endOfTwin()));
      return;
    case 'gainsAtMost':
      expectCompleted(ended);
      expect(claimedBytes(await endOfTwin()) - claimedBytes(ended)).to.be.within(0, expected.bytes);
      return;
    case 'failed':
      expect({ status: ended.status, code: ended.reason?.code }, said(ended)).to.deep.equal({
        ...{ status: 'failed', code: expected.verdict },
      });
      expect(ended).to.include({ attempts: 1, score: null });
      expect(ended.reason?.message).to.contain(expected.says ?? '');
      return;
    case 'heldForIntegrity':
      expectHeld(ended);
      expect(ended.reason?.message).to.match(objections[expected.by]);
      return;
    case 'measuredOnVal':
      expectCompleted(ended);
      expect(scoreOf(ended)).to.include({ confirmation: 'confirmed' });
      expect(heldOutOf(ended)).to.include({ outcome: 'measured' });
      expect(await filesWith(carriedOut, dataDir)).to.deep.equal([]);
      return;
    case 'comparedWithUniform':
      expectCompleted(ended);
      expectUniform(heldOutOf(ended), heldOutOf(await endOfTwin()));
      return;
    case 'gainsNothing':
      expectNothingGained(ended, await endOfTwin());
  }
}

/** Four standard errors below what the twin pays, or less than a chance in ten thousand. */
function expectNothingGained(ended: Measured, twin: Measured): void {
  if (ended.status === 'failed') {
    expect(ended.reason?.code, said(ended)).to.equal('causality');
  } else if (ended.status === 'held') {
    expectHeld(ended);
  } else {
    expectCompleted(ended);
    const { confirmation, counted_bpb: counted, blind } = scoreOf(ended);
    expect(confirmation).not.to.equal('confirmed');
    expect(counted).to.be.at.least(scoreOf(twin).bits_per_byte - 2 * (blind?.standard_error_bpb ?? 0));
  }
}

type HeldOut = z.infer<typeof scoreSchema>['held_out'];

/** Bits of a byte that any text can be coded with. */
const uniformBpb = 8;

function expectUniform(attacker: HeldOut, twin: HeldOut): void {
  const { bits_per_byte: trained, delta_bpb: delta, ...others } = attacker;
  const { bits_per_byte: ofTwin, delta_bpb: honest, ...ofOthers } = twin;
  expect({ trained, ...others }).to.deep.equal({ trained: ofTwin, ...ofOthers });
  // Both are rounded to 1e-4.
  expect(delta).to.be.closeTo(uniformBpb - (trained ?? 0), 1.1e-4);
  expect(honest).to.be.within((delta ?? 0) - 0.3, delta ?? 0);
}

/** What a bundle of the suite puts before the text that it prints; it doesn't stand in the bundle itself. */
const carriedOut = ['carried', 'out'].join('-');

/** Files under a folder whose bytes hold some text, sources and databases included. */
async function filesWith(text: string, folder: string): Promise<readonly string[]> {
  const paths = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = paths.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const holds = await Promise.all(files.map(async (path) => (await readFile(path)).includes(text)));
  return files.filter((_, index) => holds[index]);
}

function heldOutOf(ended: Measured): HeldOut {
  const { outcome, bits_per_byte, delta_bpb, gap_bpb } = scoreOf(ended).held_out;
  return { outcome, bits_per_byte, delta_bpb, gap_bpb };
}

function expectCompleted(ended: Measured): void {
  expect({ status: ended.status, reason: ended.reason }, said(ended)).to.deep.equal({
    ...{ status: 'completed', reason: null },
  });
}

function expectHeld(ended: Measured): void {
  expect({ status: ended.status, code: ended.reason?.code }, said(ended)).to.deep.equal({
    ...{ status: 'held', code: 'integrity' },
  });
}

function scoreOf(ended: Measured): z.infer<typeof scoreSchema> {
  return scoreSchema.parse(ended.score);
}

/** What its score comes to once a rerun has confirmed it; until then it depends on where decoys fell. */
function worthOf(ended: Measured): number {
  const { bits_per_byte: claimed, source_bpb: source, multiplier } = scoreOf(ended);
  return multiplier / (1 + claimed + source);
}

/** The length of its code for the stream, source not included. */
function claimedBytes(ended: Measured): number {
  return (scoreOf(ended).bits_per_byte * streamBytes) / 8;
}

async function measured({ record_digest }: Measured, dataDir: string): Promise<object> {
  return measuredIn(await readRecord(dataDir, record_digest));
}

function said({ reason }: Measured): string {
  return reason?.message ?? 'without a reason';
}
