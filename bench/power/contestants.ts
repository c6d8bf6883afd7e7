import { uniform } from './random.ts';

/**
 * A simulated contestant: what it claims where an honest model would be charged `honest`. It decides by chance that its seed fixes, before
 * any cut of the rerun is drawn. Blind, it can't do better than the honest model.
 */
export type Contestant = {
  readonly name: string;
  /** The claim for one position, as committed to. MicroNats. */
  at(batch: number, row: number, position: number, honest: number): number;
  /** The claims for a whole batch, on average over its chance. */
  inBatch(batch: number, honest: number): number;
};

/** What a token costs that is predicted with certainty: p' = 1 − ε + ε/V. */
const certainMicroNats = 244;

export const honest: Contestant = { name: 'honest', at: (_b, _r, _p, cost) => cost, inBatch: (_b, cost) => cost };

/** Looks ahead at a share of positions, chosen by a coin each. */
export function peeking(share: number, seed: number): Contestant {
  return {
    name: `peeking at ${percent(share)} of positions`,
    at: (batch, row, position, cost) =>
      uniform(seed, batch, row, position) < share ? Math.min(cost, certainMicroNats) : cost,
    inBatch: (_, cost) => Math.round(cost * (1 - share)),
  };
}

/** Looks ahead in whole batches, chosen by a coin each. */
export function peekingInBatches(share: number, seed: number): Contestant {
  const looks = (batch: number) => uniform(seed, batch) < share;
  return {
    name: `peeking in ${percent(share)} of batches`,
    at: (batch, _row, _position, cost) => (looks(batch) ? Math.min(cost, certainMicroNats) : cost),
    inBatch: (batch, cost) => (looks(batch) ? 0 : cost),
  };
}

/** Claims a share less than it would cost, everywhere. */
export function shading(share: number): Contestant {
  const shaded = (cost: number) => Math.round(cost * (1 - share));
  return {
    name: `shading by ${percent(share)}`,
    at: (_b, _r, _p, cost) => shaded(cost),
    inBatch: (_b, cost) => shaded(cost),
  };
}

function percent(share: number): string {
  return `${Number((100 * share).toPrecision(3))} %`;
}
