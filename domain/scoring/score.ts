import type { Policy } from '../policy/policy.ts';
import type { Measurement, Score } from '../submission/events.ts';
import { bitsPerByte, sourceBitsPerByte } from './code-length.ts';

/** Above this a score is published and marked as implausible (CONTRACT §4). */
const implausibleBitsPerByte = 64;

export type Scored =
  | { readonly kind: 'scored'; readonly score: Score }
  /** Nothing was covered, or the number isn't finite and positive: failed, never scored. */
  | { readonly kind: 'unscorable'; readonly message: string };

/**
 * The score of a measurement under a policy (CONTRACT §4). Penalty and tie-break need the held-out run, which isn't
 * asked for yet: 1 and 0.
 */
export function computeScore(measurement: Measurement, scoring: Policy['scoring']): Scored {
  const bpb = bitsPerByte(measurement);
  if (measurement.coveredBytes === 0) return { kind: 'unscorable', message: 'No byte of the stream was covered.' };
  if (!Number.isFinite(bpb) || bpb <= 0)
    return { kind: 'unscorable', message: `${bpb} bits per byte is no code length.` };
  const sourceBpb = sourceBitsPerByte(measurement);
  const chargedBpb = bpb + scoring.sourceCharge * sourceBpb;
  const base = 1 / (1 + chargedBpb);
  const penalty = 1;
  const tieBreak = 0;
  const multiplier = isStep0Anomalous(measurement) ? 0 : 1;
  const finalScore = (base * penalty + tieBreak) * multiplier;
  const implausible = bpb > implausibleBitsPerByte;
  return {
    kind: 'scored',
    score: { bitsPerByte: bpb, sourceBpb, chargedBpb, base, penalty, tieBreak, multiplier, finalScore, implausible },
  };
}

/** A first loss below half of ln V nats a token is impossible for a random initialisation. */
export function isStep0Anomalous({ step0, vocab }: Pick<Measurement, 'step0' | 'vocab'>): boolean {
  return step0.tokens > 0 && step0.microNats / 1e6 / step0.tokens < 0.5 * Math.log(vocab);
}
