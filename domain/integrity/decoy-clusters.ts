import type { Cluster } from './cluster-mean.ts';
import { expectedDecoys } from './placement.ts';
import { type DecoyFrame, predictedIn, type RunCuts, type RunRecord } from './record.ts';

/**
 * The decoys of each batch as one sample of its positions, in batch order. `costOf` takes a frame and a row index, in microNats.
 *
 * A batch of n predicted positions that expects λ decoys and has D of them stands for D · n / λ positions: over all placements that is
 * n, whatever floors and shapes made of λ.
 */
export function decoyClusters(
  record: RunRecord,
  cuts: RunCuts,
  costOf: (frame: DecoyFrame, index: number) => number,
): readonly Cluster[] {
  const lambdas = expectedDecoys(record.batches, cuts);
  const clusters: Cluster[] = [];
  for (const [batch, frames] of framesByBatch(cuts)) {
    const shape = record.batches[batch];
    const lambda = lambdas[batch];
    if (shape === undefined || lambda === undefined) continue;
    let [sum, count] = [0, 0];
    for (const frame of frames) {
      for (let index = 0; index < frame.cuts.length; index += 1) sum += costOf(frame, index);
      count += frame.cuts.length;
    }
    clusters.push({ weight: (frames.length * predictedIn(shape)) / lambda, mean: sum / count });
  }
  return clusters;
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
