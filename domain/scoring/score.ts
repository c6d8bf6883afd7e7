import type { Examination } from '../integrity/examination.ts';
import { uniformMicroNats } from '../integrity/record.ts';
import type { Policy } from '../policy/policy.ts';
import type { Confirmation, Measurement, Score } from '../submission/events.ts';
import { bitsOf, bitsPerByte, sourceBitsPerByte } from './code-length.ts';
import { baseOf, generalisation, type HeldOutOutcome } from './held-out.ts';

/** Above this a score is published and marked as implausible (CONTRACT §4). */
const implausibleBitsPerByte = 64;

/** What a score is made of: the score run's numbers, and how far its cuts and its reruns bear them out. */
export type Measured = {
  readonly measurement: Measurement;
  readonly confirmation: Confirmation;
  /** What the model pays blind; null without a verdict. */
  readonly blind: Examination['blind'];
  readonly undetectedBpb: number | null;
  /** What became of the state that the score run ended in. */
  readonly heldOut: HeldOutOutcome;
};

export type Scored =
  | { readonly kind: 'scored'; readonly score: Score }
  /** Nothing was covered, or the number isn't finite and positive: failed, never scored. */
  | { readonly kind: 'unscorable'; readonly message: string };

/** The score of a measurement under a policy (CONTRACT §4). */
export function computeScore(measured: Measured, scoring: Policy['scoring']): Scored {
  const { measurement } = measured;
  const bpb = bitsPerByte(measurement);
  if (measurement.coveredBytes === 0) return { kind: 'unscorable', message: 'No byte of the stream was covered.' };
  if (!Number.isFinite(bpb) || bpb <= 0)
    return { kind: 'unscorable', message: `${bpb} bits per byte is no code length.` };
  const certainty = certaintyOf(bpb, measured);
  const sourceBpb = sourceBitsPerByte(measurement);
  const chargedBpb = certainty.countedBpb + scoring.sourceCharge * sourceBpb;
  const base = baseOf(chargedBpb);
  const claimed = { bitsPerByte: bpb, standardErrorBpb: certainty.standardErrorBpb };
  const generalised = generalisation(measured.heldOut, claimed, chargedBpb, scoring);
  const { penalty, tieBreak } = generalised;
  const multiplier = isStep0Anomalous(measurement) ? 0 : 1;
  const finalScore = (base * penalty + tieBreak) * multiplier;
  const implausible = bpb > implausibleBitsPerByte;
  const made = { sourceBpb, chargedBpb, base, ...generalised, multiplier, finalScore, implausible };
  return { kind: 'scored', score: { bitsPerByte: bpb, ...certainty, ...made } };
}

/** Standard errors by which an unconfirmed score lies above its blind estimate. */
const unconfirmedStandardErrors = 2;

/** How far a claim can be relied on, and what it counts as until a rerun has confirmed it (CONTRACT §4). */
function certaintyOf(bpb: number, { measurement, confirmation, blind, undetectedBpb }: Measured) {
  const cautious = blind === null ? bpb : blind.bitsPerByte + unconfirmedStandardErrors * blind.standardErrorBpb;
  const { standardErrorMicroNats, baselineMicroNats, uncoveredBytes, streamBytes } = measurement;
  return {
    standardErrorBpb: bitsOf(standardErrorMicroNats) / streamBytes,
    blindBpb: blind?.bitsPerByte ?? null,
    blindStandardErrorBpb: blind?.standardErrorBpb ?? null,
    confirmation,
    countedBpb: confirmation === 'confirmed' ? bpb : Math.max(bpb, cautious),
    undetectedBpb,
    baselineBpb:
      baselineMicroNats === null ? null : bitsPerByte({ microNats: baselineMicroNats, uncoveredBytes, streamBytes }),
  };
}

/**
 * A first loss below half of ln V nats a token is impossible for a random initialisation, V being the tokenizer's own: whatever a token stands
 * for, who knows nothing pays ln V for it. In integers, so that the referee's manifest says the same.
 */
export function isStep0Anomalous({ step0, vocab }: Pick<Measurement, 'step0' | 'vocab'>): boolean {
  return 2 * step0.microNats < step0.tokens * uniformMicroNats(vocab);
}
