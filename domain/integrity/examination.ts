import { bitsOf, bitsPerByte } from '../scoring/code-length.ts';
import { type BlindMean, blindMean } from './blind-mean.ts';
import { chargeWith, predictedPositions } from './claimed-cost.ts';
import type { RunCuts, RunRecord } from './record.ts';
import { type Reproduction, type RerunVerdict, reproduction } from './rerun.ts';
import { signedDifferences } from './signed-differences.ts';
import { passableMean, undetectedByRerun } from './undetected-advantage.ts';

/**
 * Version of the arithmetic from documents to examination. It rises with every change after which the same documents and bounds may give
 * another number: a replay compares only what today's version has stated. 1: a decoy stood for its share of its batch. 2: the second
 * decoy stood for the first batch alone.
 */
export const examinationVersion = 3;

/** What the cuts of an attempt say about its record. */
export type Examination = {
  /** Of the arithmetic that came to it (`examinationVersion`). */
  readonly version: number;
  readonly frames: number;
  readonly cuts: number;
  /** Cuts whose largest difference lies above policy's bound. */
  readonly exceedingCuts: number;
  readonly largestMicroNats: number;
  /** Bits per raw byte of the stream. Null where there are too few decoys for a verdict. */
  readonly blind: {
    /** The code length that the model would have paid blind. */
    readonly bitsPerByte: number;
    readonly standardErrorBpb: number;
    /** Blind minus claimed. */
    readonly excessBpb: number;
    readonly excessStandardErrors: number;
  } | null;
  /** Blind minus claimed at the cuts themselves, a token. */
  readonly signed: {
    readonly meanMicroNats: number;
    readonly standardErrorMicroNats: number;
    readonly standardErrors: number;
  } | null;
  /** Largest advantage that passes with a probability of 5 %; null where nothing bounds it. */
  readonly undetectedBpb: number | null;
  /** Of a rerun alone. */
  readonly rerun: {
    readonly verdict: RerunVerdict;
    readonly groupsCompared: number;
    readonly groupsEqual: number;
    /** Null where all are equal. */
    readonly firstDifferingGroup: number | null;
  } | null;
};

/** Policy's bounds for the tests. */
export type TestBounds = {
  /** Difference of costs at one cut up to which an honest model's last digits may account for it. */
  readonly equalityBoundMicroNats: number;
  /** Standard errors above which the two tests of means object, one-sided. */
  readonly standardErrors: number;
};

/**
 * Examines an attempt; `rerunOf` is the record that a rerun repeats. Everything follows from the documents and the bounds: whoever has
 * them comes to the same numbers, bit for bit.
 */
export function examine(
  record: RunRecord,
  cuts: RunCuts,
  bounds: TestBounds,
  rerunOf: RunRecord | null = null,
): Examination {
  const largest = cuts.frames.flatMap((frame) => frame.largest);
  const exceedingCuts = largest.filter((difference) => difference > bounds.equalityBoundMicroNats).length;
  const mean = blindMean(record, cuts);
  const blind = mean === null ? null : blindFacts(record, mean);
  const signed = signedFacts(record, cuts);
  const objects =
    exceedingCuts > 0 ||
    (blind?.excessStandardErrors ?? 0) > bounds.standardErrors ||
    (signed?.standardErrors ?? 0) > bounds.standardErrors;
  const reproduced = rerunOf === null ? null : reproduction(rerunOf, record);
  const isConfirmed = reproduced?.firstDifferingGroup === null && !objects;
  return {
    version: examinationVersion,
    frames: cuts.frames.length,
    cuts: largest.length,
    exceedingCuts,
    largestMicroNats: largest.reduce((most, difference) => Math.max(most, difference), 0),
    blind,
    signed,
    undetectedBpb: isConfirmed
      ? undetectedConfirmed(record, cuts, bounds, signed, reproduced)
      : undetectedUnconfirmed(record, mean, bounds),
    rerun: reproduced === null ? null : rerunFacts(reproduced, objects),
  };
}

/** MicroNats a predicted token, as bits per raw byte of the stream. */
function toBpb(record: RunRecord, microNats: number): number {
  return bitsOf(microNats * predictedPositions(record)) / record.streamBytes;
}

function blindFacts(record: RunRecord, mean: BlindMean): NonNullable<Examination['blind']> {
  const { streamBytes, totals } = record;
  const microNats = chargeWith(record, mean.blind * predictedPositions(record));
  return {
    bitsPerByte: bitsPerByte({ microNats, uncoveredBytes: totals.uncoveredBytes, streamBytes }),
    standardErrorBpb: toBpb(record, mean.standardError),
    excessBpb: toBpb(record, mean.excess),
    excessStandardErrors: mean.excess / mean.excessStandardError,
  };
}

function signedFacts(record: RunRecord, cuts: RunCuts): Examination['signed'] {
  const estimate = signedDifferences(record, cuts);
  if (estimate === null) return null;
  const { mean, standardError } = estimate;
  return { meanMicroNats: mean, standardErrorMicroNats: standardError, standardErrors: mean / standardError };
}

function rerunFacts(reproduced: Reproduction, objects: boolean): NonNullable<Examination['rerun']> {
  const { groupsCompared, groupsEqual, firstDifferingGroup } = reproduced;
  const asBefore = firstDifferingGroup === null ? 'confirmed' : 'nonReproducible';
  return { verdict: objects ? 'contradicted' : asBefore, groupsCompared, groupsEqual, firstDifferingGroup };
}

/** The excess that the blind mean lets pass, at most all that there is to gain. */
function undetectedUnconfirmed(record: RunRecord, mean: BlindMean | null, { standardErrors }: TestBounds) {
  if (mean === null) return null;
  return toBpb(record, Math.min(mean.blind, passableMean(mean.excessStandardError, standardErrors)));
}

function undetectedConfirmed(
  record: RunRecord,
  cuts: RunCuts,
  { equalityBoundMicroNats, standardErrors }: TestBounds,
  signed: Examination['signed'],
  { unprovenPositions }: Reproduction,
): number {
  const costs = cuts.frames.flatMap((frame) => frame.blind);
  const microNats = undetectedByRerun({
    record,
    density: cuts,
    blindMicroNats: costs.reduce((sum, cost) => sum + cost, 0) / costs.length,
    // Without a verdict on the differences, nothing but the bound of equality holds shading back.
    shadeMicroNats:
      signed === null ? equalityBoundMicroNats : passableMean(signed.standardErrorMicroNats, standardErrors),
    unprovenPositions,
  });
  return bitsOf(microNats) / record.streamBytes;
}
