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
});

/** How the reason of a hold begins. */
const objections: Readonly<Record<Test, RegExp>> = {
  blindMean: /^Blind mean/,
  signedDifferences: /^Signed differences/,
  rerun: /^Run rerun contradicts/,
};

const comparing: readonly Expected['kind'][] = ['asTwin', 'noBetter', 'gainsAtMost', 'gainsNothing'];

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
