import { type BatchRecord, predictedIn, type RunRecord, uniformMicroNats } from './record.ts';

/** What a run claims for all its predicted positions. */
export type ClaimedCost = {
  /** MicroNats; a whole number where every row was scored. */
  readonly microNats: number;
  /** 0 where every row was scored. */
  readonly standardErrorMicroNats: number;
};

/**
 * The claimed cost of all predicted positions. Where policy lets a random sample of m of a batch's B rows stand for it, the batch counts
 * with B times the mean of the sample, with the standard error of simple random sampling without replacement,
 * B² (1 − m/B) s² / m (Cochran, Sampling Techniques, 1977, ch. 2); s² is the sample's own where m ≥ 2, else half the squared
 * difference to the neighbouring batches' means.
 */
export function claimedCost(record: RunRecord): ClaimedCost {
  const uniform = uniformMicroNats(record.vocab);
  const means = record.batches.map((batch) => (batch.microNats - batch.firstTokens * uniform) / batch.scoredRows);
  let [microNats, variance] = [0, 0];
  record.batches.forEach((batch, index) => {
    const { rows, scoredRows, firstTokens } = batch;
    if (scoredRows === rows) {
      microNats += batch.microNats - firstTokens * uniform;
      return;
    }
    microNats += (means[index] ?? 0) * rows;
    const between = rowVariance(batch) ?? neighbourVariance(means, index);
    variance += rows ** 2 * (1 - scoredRows / rows) * (between / scoredRows);
  });
  return { microNats, standardErrorMicroNats: Math.sqrt(variance) };
}

/** Sample variance of the scored rows' costs; null where one row says nothing of it. */
function rowVariance({ rowMicroNats = [] }: BatchRecord): number | null {
  if (rowMicroNats.length < 2) return null;
  const mean = rowMicroNats.reduce((sum, cost) => sum + cost, 0) / rowMicroNats.length;
  return rowMicroNats.reduce((sum, cost) => sum + (cost - mean) ** 2, 0) / (rowMicroNats.length - 1);
}

function neighbourVariance(means: readonly number[], index: number): number {
  const own = means[index] ?? 0;
  const neighbours = [means[index - 1], means[index + 1]].filter((mean) => mean !== undefined);
  return neighbours.reduce((sum, mean) => sum + (own - mean) ** 2 / 2, 0) / Math.max(1, neighbours.length);
}

/** Predicted positions of a run, scored or not. */
export function predictedPositions(record: RunRecord): number {
  return record.batches.reduce((sum, batch) => sum + predictedIn(batch), 0);
}

/**
 * The charge of a whole run, in microNats, where its predicted positions cost `predicted`: lane-first tokens and the remainder cost ln V
 * each, whoever predicts the rest.
 */
export function chargeWith({ vocab, totals, remainder }: RunRecord, predicted: number): number {
  return predicted + totals.laneFirstTokens * uniformMicroNats(vocab) + remainder.microNats;
}
