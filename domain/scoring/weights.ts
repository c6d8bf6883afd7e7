import { quantise } from './ranking.ts';

/** What rule `best_per_hotkey` pays by: one score a hotkey. */
export type Payable = { readonly hotkey: string; readonly finalScore: number };

/**
 * Weights that sum to 1 (within 1e-12), in the order of the rows; a hotkey appears once. Scores are quantised first, so that
 * the sum is one of integers and doesn't depend on the order. A score that isn't positive earns nothing; without a
 * positive one there are no weights.
 */
export function normaliseWeights(best: readonly Payable[]): Readonly<Record<string, number>> {
  const shares = best
    .map(({ hotkey, finalScore }) => ({ hotkey, quanta: quantise(finalScore) }))
    .filter(({ quanta }) => quanta > 0);
  const total = shares.reduce((sum, { quanta }) => sum + quanta, 0);
  return Object.fromEntries(shares.map(({ hotkey, quanta }) => [hotkey, quanta / total]));
}
