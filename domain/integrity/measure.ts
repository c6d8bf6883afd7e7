import type { Measurement } from '../submission/events.ts';
import { chargeWith, claimedCost } from './claimed-cost.ts';
import { type RunRecord, uniformMicroNats } from './record.ts';

/** What the run manifest says and no record shows. */
export type ManifestFacts = Pick<
  Measurement,
  'xzBytes' | 'parameters' | 'stoppedByClock' | 'deterministic' | 'seconds'
>;

/** The raw measurements of a completed run, from its record. The same record gives the same numbers. */
export function measure(record: RunRecord, facts: ManifestFacts): Measurement {
  const { totals, streamBytes, batches } = record;
  const claimed = claimedCost(record);
  const baseline = batches.reduce((sum, { baselineMicroNats }) => sum + baselineMicroNats, 0);
  return {
    microNats: Math.round(chargeWith(record, claimed.microNats)),
    standardErrorMicroNats: Math.round(claimed.standardErrorMicroNats),
    baselineMicroNats: chargeWith(record, baseline),
    coveredBytes: totals.coveredBytes,
    uncoveredBytes: totals.uncoveredBytes,
    streamBytes,
    predictedTokens: totals.predictedTokens,
    ...step0Of(record),
    batches: batches.length,
    longestRowBytes: longestRowBytes(record),
    ...facts,
  };
}

/** The first batch without its lane-first tokens: what the untrained model was charged, and for how many predictions. */
export function step0Of({ batches, vocab }: RunRecord): Pick<Measurement, 'step0' | 'vocab'> {
  const [first] = batches;
  if (first === undefined) return { step0: { microNats: 0, tokens: 0 }, vocab };
  const microNats = first.microNats - first.firstTokens * uniformMicroNats(vocab);
  return { step0: { microNats, tokens: first.scoredRows * (first.length - 1) }, vocab };
}

/** The most raw bytes that a batch brought for each of its rows, rounded up. */
function longestRowBytes({ batches }: RunRecord): number {
  let [covered, longest] = [0, 0];
  for (const { rows, coveredBytes } of batches) {
    longest = Math.max(longest, (coveredBytes - covered) / rows);
    covered = coveredBytes;
  }
  return Math.ceil(longest);
}
