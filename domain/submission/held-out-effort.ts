import type { Policy } from '../policy/policy.ts';
import type { Result } from './state.ts';

export type HeldOutEffort = {
  /** Seconds that each contestant has to answer, once it holds the state. */
  readonly budgetSeconds: number;
  /** Tokens that the witness is asked blind, at least. */
  readonly cuts: number;
};

const spareFactor = 2;
/** A slot isn't held for longer, in multiples of what policy gives a run. */
const longestInRuns = 4;

/**
 * Time for as many tokens as the witness is asked, at the pace of the run, which has trained beside; twice that, and never less than policy's.
 * Where that would be more than four times as long as a run may take, the witness is asked fewer tokens: nobody is blamed for a pace that was
 * good enough for the run. A run that didn't say how long it took counts with policy's whole budget.
 */
export function heldOutEffort(
  { measurement, examination }: Pick<Result, 'measurement' | 'examination'>,
  { heldOut, limits }: Pick<Policy, 'limits' | 'heldOut'>,
): HeldOutEffort {
  const { seconds, batches, longestRowBytes, predictedTokens } = measurement;
  const askedTokens = Math.max(1, predictedTokens) * (1 + (examination?.frames ?? 0) / Math.max(1, batches));
  const secondsPerToken = (spareFactor * (seconds ?? limits.budgetSeconds)) / askedTokens;
  // A token has a byte at least. The text comes as it is, and once more since cuts are dealt to whole frames of it; a cut comes with its row.
  const textTokens = 2 * Math.max(heldOut.valBytes, heldOut.trainBytes);
  const rowTokens = Math.min(limits.maxSeqLen, longestRowBytes + 1);
  const wanted = Math.ceil(secondsPerToken * (heldOut.cuts * rowTokens + textTokens));
  const budgetSeconds = Math.max(heldOut.budgetSeconds, Math.min(wanted, longestInRuns * limits.budgetSeconds));
  if (wanted <= budgetSeconds) return { budgetSeconds, cuts: heldOut.cuts };
  const affordable = Math.floor((budgetSeconds / secondsPerToken - textTokens) / rowTokens);
  return { budgetSeconds, cuts: Math.max(1, affordable) };
}
