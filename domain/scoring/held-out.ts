import { z } from 'zod';
import type { Policy } from '../policy/policy.ts';
import { countSchema, digestSchema } from '../values.ts';

export const heldOutSides = ['val', 'train'] as const;
/** What is asked about: the val split, or text that the run has released. */
export type HeldOutSide = (typeof heldOutSides)[number];

/** Bits per raw byte in millionths, and the standard error of resampled documents. The referee rounds both to whole hundreds. */
const estimateSchema = z.strictObject({ microBitsPerByte: z.int(), standardErrorMicroBits: countSchema });
export type HeldOutEstimate = z.infer<typeof estimateSchema>;

/** What one held-out run measured of an exported state (gpu-runner/PROTOCOL.md §9). */
export const heldOutMeasurementSchema = z.strictObject({
  side: z.enum(heldOutSides),
  /** SHA-256 of the state. */
  stateDigest: digestSchema,
  trained: estimateSchema,
  /** The same architecture as it is built, no token above the uniform code; and what it costs more. Val side only. */
  twin: estimateSchema.nullable(),
  delta: estimateSchema.nullable(),
  /** Documents, raw bytes and tokens that were predicted, and tokens that were asked blind. */
  documents: countSchema,
  bytes: countSchema,
  tokens: countSchema,
  cuts: countSchema,
});
export type HeldOutMeasurement = z.infer<typeof heldOutMeasurementSchema>;

/**
 * How the held-out runs of a score have ended. `failed`: by the contestant's fault, on either side; `unmeasured`: by ours, for good; `off`: nobody
 * asked.
 */
export type HeldOutOutcome =
  | { readonly kind: 'off' | 'failed' | 'unmeasured' }
  | { readonly kind: 'measured'; readonly val: HeldOutMeasurement; readonly train: HeldOutMeasurement };
export const heldOutKinds = ['off', 'measured', 'failed', 'unmeasured'] as const satisfies HeldOutOutcome['kind'][];

/** What the held-out measure makes of a score. Bits per raw byte; null where nothing was measured. */
export type Generalisation = {
  readonly heldOut: HeldOutOutcome['kind'];
  /** The exported state on val. */
  readonly heldOutBpb: number | null;
  /** The random-init twin on val, minus that. */
  readonly deltaBpb: number | null;
  readonly deltaStandardErrorBpb: number | null;
  /** The exported state on val, minus the better of what the run claims and what the state needs for released text. */
  readonly gapBpb: number | null;
  readonly gapStandardErrorBpb: number | null;
  readonly penalty: number;
  readonly tieBreak: number;
};

const penaltyOfFailure = 0.5;

/** `claimed`: bits per byte of the run with its standard error; `chargedBpb`: what the score's base is made of (CONTRACT §4). */
export function generalisation(
  outcome: HeldOutOutcome,
  claimed: { readonly bitsPerByte: number; readonly standardErrorBpb: number },
  chargedBpb: number,
  { tieBreakScale, largestGapBpb }: Pick<Policy['scoring'], 'tieBreakScale' | 'largestGapBpb'>,
): Generalisation {
  if (outcome.kind !== 'measured') {
    const hasFailed = outcome.kind === 'failed';
    const penalty = hasFailed ? penaltyOfFailure : 1;
    return { ...nothing, heldOut: outcome.kind, penalty, tieBreak: hasFailed ? -cap(penalty, chargedBpb) : 0 };
  }
  const { val, train } = outcome;
  const deltaBpb = bitsOf(val.delta?.microBitsPerByte ?? 0);
  const gap = gapOf(val.trained, train.trained, claimed);
  const penalty = gap.gapBpb > largestGapBpb ? penaltyOfFailure : 1;
  return {
    heldOut: 'measured',
    heldOutBpb: bitsOf(val.trained.microBitsPerByte),
    deltaBpb,
    deltaStandardErrorBpb: bitsOf(val.delta?.standardErrorMicroBits ?? 0),
    ...gap,
    penalty,
    tieBreak: cap(penalty, chargedBpb) * Math.tanh(deltaBpb / tieBreakScale),
  };
}

const nothing = {
  heldOutBpb: null,
  deltaBpb: null,
  deltaStandardErrorBpb: null,
  gapBpb: null,
  gapStandardErrorBpb: null,
} as const;

/** On the worse side; the errors of two measurements of different text add up in squares. */
function gapOf(
  val: HeldOutEstimate,
  train: HeldOutEstimate,
  claimed: { readonly bitsPerByte: number; readonly standardErrorBpb: number },
): { readonly gapBpb: number; readonly gapStandardErrorBpb: number } {
  const released = bitsOf(train.microBitsPerByte);
  const [better, error] =
    released < claimed.bitsPerByte
      ? [released, bitsOf(train.standardErrorMicroBits)]
      : [claimed.bitsPerByte, claimed.standardErrorBpb];
  return {
    gapBpb: bitsOf(val.microBitsPerByte) - better,
    gapStandardErrorBpb: Math.hypot(bitsOf(val.standardErrorMicroBits), error),
  };
}

function bitsOf(microBits: number): number {
  return microBits / 1e6;
}

/** Bits per byte within which a tie-break may reorder scores. */
const tieBreakReachBpb = 5e-3;

/** The most that the tie-break may be: it never carries a score past one that is `tieBreakReachBpb` better. */
function cap(penalty: number, chargedBpb: number): number {
  const reach = baseOf(chargedBpb) - baseOf(chargedBpb + tieBreakReachBpb);
  return Math.min(1e-3 * penalty, 0.5 * penalty * reach);
}

/** 1 / (1 + bits per byte). */
export function baseOf(chargedBpb: number): number {
  return 1 / (1 + chargedBpb);
}
