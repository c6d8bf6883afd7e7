import { clusterMean, type Estimate } from './cluster-mean.ts';
import { decoyClusters } from './decoy-clusters.ts';
import type { RunCuts, RunRecord } from './record.ts';

/**
 * The test of signed differences. The equality test lets a difference below its bound pass, since honest models differ in the last
 * digits; but their differences have no direction. A contestant that shades its claims towards the true tokens, by ever so
 * little, pays more blind than it claims on average. MicroNats a token, blind minus claimed; weights and clusters are the blind mean's,
 * one-sided; null below 30 clusters.
 */
export function signedDifferences(record: RunRecord, cuts: RunCuts): Estimate | null {
  return clusterMean(
    decoyClusters(record, cuts, ({ blind, claimed }, index) => (blind[index] ?? 0) - (claimed[index] ?? 0)),
  );
}
