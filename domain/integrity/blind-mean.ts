import { claimedCost, predictedPositions } from './claimed-cost.ts';
import { clusterMean } from './cluster-mean.ts';
import { decoyClusters } from './decoy-clusters.ts';
import type { RunCuts, RunRecord } from './record.ts';

/** Costs in microNats a predicted token. */
export type BlindMean = {
  /** What the model pays where it can't see what comes. */
  readonly blind: number;
  readonly standardError: number;
  /** Blind minus claimed; the error has that of a sample of scored rows in it. */
  readonly excess: number;
  readonly excessStandardError: number;
};

/**
 * The blind-mean test. Whoever looks ahead can replay at a cut what it answered before it saw the true token, but that answer was blind. So
 * the mean cost at the cuts estimates what the model pays without looking, and the mean of all claimed costs must not lie below.
 *
 *     blind = Z̄ + mean over the cuts of (blind − baseline)      Z̄: the baseline's mean over all predicted positions
 *
 * The baseline, the referee's own order-k predictor, is the control variate (Cochran 1977, ch. 7, with slope 1): its cost of every position
 * is known, so only the difference is sampled. Clustered by batch; null below 30 of them. One-sided: paying less blind than claimed accuses
 * nobody.
 */
export function blindMean(record: RunRecord, cuts: RunCuts): BlindMean | null {
  const residual = clusterMean(
    decoyClusters(record, cuts, ({ blind, baseline }, index) => (blind[index] ?? 0) - (baseline[index] ?? 0)),
  );
  if (residual === null) return null;
  const positions = predictedPositions(record);
  const claimed = claimedCost(record);
  const baseline = record.batches.reduce((sum, { baselineMicroNats }) => sum + baselineMicroNats, 0);
  const blind = baseline / positions + residual.mean;
  const excess = blind - claimed.microNats / positions;
  const excessStandardError = Math.hypot(residual.standardError, claimed.standardErrorMicroNats / positions);
  return { blind, standardError: residual.standardError, excess, excessStandardError };
}
