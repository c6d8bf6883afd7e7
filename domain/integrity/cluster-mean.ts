/** What the decoys of one batch say together: cuts of one batch share its place in the learning curve, and count as one sample. */
export type Cluster = {
  /** Share of the stream that it stands for, up to a common factor. */
  readonly weight: number;
  /** Mean over its cuts. */
  readonly mean: number;
};

export type Estimate = { readonly mean: number; readonly standardError: number };

/** Fewer clusters give no verdict: their scatter says too little about chance. */
export const fewestClusters = 30;

/** Costs are whole microNats: however well they agree, a mean of n clusters is known to 1/√n microNat at best. */
const resolutionMicroNats = 1;

/**
 * The weighted mean of clusters that were drawn one a stratum, in the order of the strata; the ratio form of the Horvitz–Thompson
 * estimator (Horvitz & Thompson 1952; Hájek 1971), which a number of decoys that is certain only to within one doesn't disturb.
 *
 * The standard error comes from successive differences, the estimator for one draw a stratum (Wolter, Introduction to Variance
 * Estimation, ch. 8): the variance of a cluster is the mean, over its neighbours, of half the squared difference. A trend along the
 * strata, such as a learning curve, only makes it larger. Null for fewer than 30 clusters.
 */
export function clusterMean(clusters: readonly Cluster[]): Estimate | null {
  if (clusters.length < fewestClusters) return null;
  let [total, sum, variance] = [0, 0, 0];
  clusters.forEach(({ weight, mean }, index) => {
    const neighbours = [clusters[index - 1], clusters[index + 1]].filter((cluster) => cluster !== undefined);
    const squares = neighbours.reduce((added, neighbour) => added + (mean - neighbour.mean) ** 2, 0);
    total += weight;
    sum += weight * mean;
    variance += (weight ** 2 * squares) / 2 / neighbours.length;
  });
  const floor = resolutionMicroNats / Math.sqrt(clusters.length);
  return { mean: sum / total, standardError: Math.max(floor, Math.sqrt(variance) / total) };
}
