import { type Density, decoyCuts, expectedDecoys, placeDecoys, uniformOf } from '../../domain/integrity/placement.ts';
import {
  type BatchRecord,
  type DecoyFrame,
  predictedIn,
  type RunCuts,
  type RunRecord,
} from '../../domain/integrity/record.ts';
import type { Contestant } from './contestants.ts';
import type { Population } from './population.ts';

/** The record of a simulated run; lane-first tokens and a remainder, which no test looks at, are left out. */
export function recordOf({ shape, totals }: Population, contestant: Contestant): RunRecord {
  const { vocab, bytesPerToken } = shape;
  let coveredBytes = 0;
  const batches = shape.batches.map(({ rows, length }, index): BatchRecord => {
    const { honest, baseline } = totals[index] ?? { honest: 0, baseline: 0 };
    coveredBytes += Math.round(rows * (length - 1) * bytesPerToken);
    const charged = { microNats: contestant.inBatch(index, honest), coveredBytes, baselineMicroNats: baseline };
    return { rows, length, firstTokens: 0, scoredRows: rows, ...charged };
  });
  const predictedTokens = batches.reduce((sum, batch) => sum + predictedIn(batch), 0);
  const microNats = batches.reduce((sum, batch) => sum + batch.microNats, 0);
  return {
    ...{ schema: 'prism_record.v2', codeHash: '', seed: 0, tokenizer: 'bytes', vocab, epsilon: '2^-12' },
    ...{ streamBytes: coveredBytes, streamTokens: predictedTokens, scoredRowFraction: 1, batches },
    groups: [{ positions: predictedTokens, microNats, logits: contestant.name }],
    remainder: { tokens: 0, bytes: 0, microNats: 0 },
    totals: { predictedTokens, laneFirstTokens: 0, microNats, coveredBytes, uncoveredBytes: 0 },
  };
}

/**
 * The cuts of one examination. `replays`: the contestant has seen the decoys of a batch before it answers the true frame, and claims at
 * their cuts what it answered blind; in a rerun it can't, for its claims are committed.
 */
export function cutsOf(
  population: Population,
  contestant: Contestant,
  { batches }: RunRecord,
  density: Density,
  cutKey: Uint8Array,
  replays: boolean,
): RunCuts {
  const places = placeDecoys(expectedDecoys(batches, density), uniformOf(cutKey));
  const frames = places.flatMap((count, batch): readonly DecoyFrame[] =>
    decoyCuts(cutKey, batch, count, batches[batch] ?? { rows: 0, length: 0 }).map((cuts) => {
      const blind = cuts.map((cut, row) => population.honest(batch, row, cut - 1));
      const claimed = replays ? blind : cuts.map((cut, row) => contestant.at(batch, row, cut - 1, blind[row] ?? 0));
      const baseline = cuts.map((cut, row) => population.baseline(batch, row, cut - 1));
      const largest = blind.map((cost, row) => Math.abs(cost - (claimed[row] ?? 0)));
      return { batch, cuts, blind, claimed, baseline, largest };
    }),
  );
  return { schema: 'prism_cuts.v1', keyDigest: '', ...density, frames };
}
