import { predictedPositions } from './claimed-cost.ts';
import { type Density, expectedDecoys, strataOf } from './placement.ts';
import { predictedIn, type RunRecord, uniformMicroNats, worstMicroNats } from './record.ts';

/**
 * The largest advantage that a cheat could have had and still passed with a probability of 5 %. All in microNats over the whole stream.
 *
 * A score that no rerun confirmed is bounded by the blind mean alone: its test lets pass what lies below 4 standard errors, so an advantage
 * of 4 + 1.8 of them passes once in twenty times at most.
 *
 * A confirmed one is bounded by where the rerun's cuts might have been. Before they were drawn, the run had committed to every
 * position; a position that looked ahead is found by any cut that hits it. Let a cheat look ahead at the share x of a batch's
 * positions. A decoy there, with a cut in each of its m scored rows, misses them with probability (1 − x)^m at best, and the batch
 * has the decoy of a stratum with the probability of their overlap o. So the cheat passes with probability
 *
 *     Π over the strata (1 − Σ over the batches o · (1 − (1 − x)^m))  ≤  exp(−Σ cost(x)),   cost(x) = −Σ ln(1 − o (1 − (1 − x)^m))
 *
 * and has ln 20 = 3.0 to spend. What it gains is at most x times the batch's positions times the worst that a position can cost,
 * ln V + 12 ln 2 nats (it may choose the most surprising ones), and at most all that the batch would have cost. The bound takes from
 * every batch its best gain for the price, and fills the purse with the best batches first: a fractional knapsack, which no choice of
 * positions, rows, whole batches or coins can beat. Scattered positions are the case x → 0, whole batches the case that matters where o < 1.
 */
const passProbability = 0.05;
/**
 * By so many stated standard errors a mean comes out too low once in twenty times. The normal quantile is 1.645; standard errors are themselves
 * estimates, of some dozens of clusters: with 1.645, up to 7 of 100 simulated cheats passed, with 1.8 at most 5 (docs/integrity.md).
 */
const onceInTwenty = 1.8;

/** The mean that a test of means lets pass once in twenty times at most. */
export function passableMean(standardError: number, thresholdStandardErrors: number): number {
  return (thresholdStandardErrors + onceInTwenty) * standardError;
}

export type Confirmed = {
  /** The record that was confirmed. */
  readonly record: RunRecord;
  /** How densely the rerun was examined. */
  readonly density: Density;
  /** What a position costs blind, on average over the rerun's cuts. */
  readonly blindMicroNats: number;
  /** Shade on every position that the test of signed differences may have missed. */
  readonly shadeMicroNats: number;
  /** Positions whose logits no hash of the rerun speaks for. */
  readonly unprovenPositions: number;
};

/** What a confirmed run may have gained: by looking ahead, by shading, and by what was left unproven; added up. */
export function undetectedByRerun(confirmed: Confirmed): number {
  const { record, shadeMicroNats, unprovenPositions } = confirmed;
  const shading = shadeMicroNats * predictedPositions(record);
  return lookingAhead(confirmed) + shading + unprovenPositions * worstMicroNats(record.vocab);
}

/** A batch as a cheat sees it: what all of it is worth, and the price of that at its best rate. */
type Offer = { readonly worth: number; readonly rate: number };

function lookingAhead({ record, density, blindMicroNats }: Confirmed): number {
  const offers = offersOf(record, density, blindMicroNats).toSorted((left, right) => right.rate - left.rate);
  let [purse, gain] = [-Math.log(passProbability), 0];
  for (const { worth, rate } of offers) {
    const paid = Math.min(purse, worth / rate);
    gain += paid * rate;
    purse -= paid;
    if (purse <= 0) break;
  }
  return gain;
}

function offersOf(record: RunRecord, density: Density, blindMicroNats: number): readonly Offer[] {
  const lambdas = expectedDecoys(record.batches, density);
  const worst = worstMicroNats(record.vocab);
  const uniform = uniformMicroNats(record.vocab);
  let reached = 0;
  return record.batches.map((batch, index) => {
    const lambda = lambdas[index] ?? 0;
    const strata = strataOf(reached, lambda);
    reached += lambda;
    const positions = predictedIn(batch);
    const claimed = ((batch.microNats - batch.firstTokens * uniform) / batch.scoredRows) * batch.rows;
    // A batch that was looked ahead in claims less than it would have cost: then it counts as an average one.
    const worth = Math.max(claimed, positions * blindMicroNats);
    return { worth, rate: bestRate(strata, batch.scoredRows, positions * worst, worth) };
  });
}

/** Shares of a batch between which the price bends little. */
const steps = 16;

/** The most that a unit of the purse can buy in a batch: scattered positions, or more of it at once. */
function bestRate(strata: readonly number[], rows: number, worthOfAll: number, worth: number): number {
  let best = worthOfAll / (rows * strata.reduce((sum, overlap) => sum + overlap, 0));
  for (let step = 1; step <= steps; step += 1) {
    const share = Math.min(1, ((worth / worthOfAll) * step) / steps);
    const found = 1 - (1 - share) ** rows;
    const price = strata.reduce((sum, overlap) => sum - Math.log1p(-overlap * found), 0);
    best = Math.max(best, (share * worthOfAll) / price);
  }
  return best;
}
