import type { Cluster } from './cluster-mean.ts';
import { expectedDecoys, strataOf, wantedDecoys } from './placement.ts';
import { type DecoyFrame, predictedIn, type RunCuts, type RunRecord } from './record.ts';

/**
 * The decoys of each batch as one sample of the positions that they stand for, in batch order. `costOf` takes a frame and a row index, in
 * microNats.
 *
 * Decoys are drawn one a stratum, a unit of Λ, and a contestant that has seen a stratum's decoy may choose the shapes of what is left of it: by
 * knowing that no other comes, and by how its answer turned out. So a decoy stands for as many positions as the stratum before its own had:
 * neighbours in the learning curve, whose number was settled before the decoy was drawn. The first one stands for its own stratum, which is
 * taken from the first batch, whose shape was chosen before anything was seen; and the second one for as many as a whole stratum of such
 * batches would have had, since the first stratum is one batch alone, however few decoys that was to have.
 */
export function decoyClusters(
  record: RunRecord,
  cuts: RunCuts,
  costOf: (frame: DecoyFrame, index: number) => number,
): readonly Cluster[] {
  const [first = 0, ...others] = positionsByStratum(record, cuts);
  const standsFor = [first, positionsOfOpening(record, cuts), ...others];
  let stratum = 0;
  return [...framesByBatch(cuts)].map(([, frames]) => {
    let [weight, sum, count] = [0, 0, 0];
    for (const frame of frames) {
      weight += standsFor[stratum] ?? 0;
      stratum += 1;
      for (let index = 0; index < frame.cuts.length; index += 1) sum += costOf(frame, index);
      count += frame.cuts.length;
    }
    return { weight, mean: sum / count };
  });
}

/** Predicted positions of a stratum that is taken from batches like the first one, had its λ not been raised to 1. */
function positionsOfOpening({ batches }: RunRecord, density: RunCuts): number {
  const [first] = batches;
  return first === undefined ? 0 : predictedIn(first) / wantedDecoys(first.rows, first.coveredBytes, density);
}

/** Predicted positions of every stratum; a batch gives to each as much as the stratum takes of it. */
function positionsByStratum({ batches }: RunRecord, density: RunCuts): readonly number[] {
  const positions: number[] = [];
  let reached = 0;
  expectedDecoys(batches, density).forEach((lambda, index) => {
    const batch = batches[index];
    const perLambda = batch === undefined ? 0 : predictedIn(batch) / lambda;
    strataOf(reached, lambda).forEach((overlap, nth) => {
      const stratum = Math.floor(reached) + nth;
      positions[stratum] = (positions[stratum] ?? 0) + overlap * perLambda;
    });
    reached += lambda;
  });
  return positions;
}

function framesByBatch({ frames }: RunCuts): ReadonlyMap<number, readonly DecoyFrame[]> {
  const batches = new Map<number, DecoyFrame[]>();
  for (const frame of frames) {
    const known = batches.get(frame.batch);
    if (known === undefined) batches.set(frame.batch, [frame]);
    else known.push(frame);
  }
  return batches;
}
