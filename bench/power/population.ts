import { worstMicroNats } from '../../domain/integrity/record.ts';
import { mix, mixed, normal } from './random.ts';

/** The shape of a simulated run: B and T of every batch. */
export type Shape = {
  readonly batches: readonly { readonly rows: number; readonly length: number }[];
  readonly vocab: number;
  readonly bytesPerToken: number;
};

/** A run over `streamBytes` bytes, one byte a token, in batches of B rows of T tokens. */
export function evenShape(rows: number, length: number, streamBytes: number): Shape {
  const count = Math.floor(streamBytes / (rows * (length - 1)));
  return { batches: Array.from({ length: count }, () => ({ rows, length })), vocab: 256, bytesPerToken: 1 };
}

/** How uneven a simulated text is. */
export type Temper = {
  /** Sigma of the log-normal costs of tokens. */
  readonly tail: number;
  /** Mean cost in nats towards which the learning curve falls. */
  readonly floorNats: number;
  /** Batches after which what lies above the floor has halved. */
  readonly halfLife: number;
  /** Spread of lanes and of batches, as a share of the mean. */
  readonly unevenness: number;
};

export const temper: Temper = { tail: 1.1, floorNats: 1.5, halfLife: 12, unevenness: 0.15 };

/**
 * Costs of every position of an honest run, and of the referee's own predictor, as text has them: a learning curve that falls by a power
 * law, lanes and batches of uneven difficulty, the first positions of a row dearer than the rest, and token costs with a heavy tail, which
 * the predictor shares in part. It has counted all that stands before a lane in the stream, so that it is good at most lanes from the first
 * batch on, when the model has learned nothing yet. MicroNats, whole.
 */
export type Population = {
  readonly shape: Shape;
  honest(batch: number, row: number, position: number): number;
  baseline(batch: number, row: number, position: number): number;
  /** Sums over all positions of a batch. */
  readonly totals: readonly { readonly honest: number; readonly baseline: number }[];
};

/** Share of a token's surprise that model and predictor have in common. */
const shared = 0.7;
/** Tokens after which what the predictor pays above its floor has halved, about as on the demo's stream. */
const predictorHalfLife = 300;
/** Places of a position's own chance: a factor out of a table of log-normal draws. */
const tableSize = 4_096;

export function population(shape: Shape, seed: number, { tail, floorNats, halfLife, unevenness }: Temper): Population {
  const { batches, vocab } = shape;
  const worst = worstMicroNats(vocab);
  const factors = (sigma: number, name: number) =>
    Float64Array.from({ length: tableSize }, (_, index) =>
      Math.exp(sigma * normal(seed, name, index) - sigma ** 2 / 2),
    );
  const [ownTable, sharedTable] = [factors(tail, 1), factors(tail * shared, 1)];
  const aloneTable = factors(tail * Math.sqrt(1 - shared ** 2), 2);
  const uneven = (...at: readonly number[]) => Math.exp(unevenness * normal(seed, ...at) - unevenness ** 2 / 2);
  const lanes = Array.from({ length: Math.max(...batches.map(({ rows }) => rows)) }, (_, row) => uneven(3, row));
  const trends = batches.map((_, batch) => uneven(4, batch));
  const curve = (before: number, floor: number, half: number) =>
    floor + (Math.log(vocab) - floor) / (1 + before / half);
  const means = trends.map((trend, batch) => 1e6 * trend * curve(batch, floorNats, halfLife));
  const before = tokensBefore(batches);
  const predictorMeans = trends.map((trend, batch) =>
    Array.from({ length: batches[batch]?.rows ?? 0 }, (_, index) => {
      return 1e6 * trend * (lanes[index] ?? 1) * curve(before(batch, index), floorNats * 1.1, predictorHalfLife);
    }),
  );
  const row = (batch: number, index: number) => mixed(seed, 5, batch, index);
  const level = (index: number, position: number) => (lanes[index] ?? 1) * (1 + 1 / (position + 1));
  const at = (table: Float64Array, word: number) => table[word % tableSize] ?? 1;

  const honest = (batch: number, index: number, position: number) => {
    const factor = at(ownTable, mix(row(batch, index), position));
    return Math.round(Math.min(worst, (means[batch] ?? 0) * level(index, position) * factor));
  };
  const baseline = (batch: number, index: number, position: number) => {
    const word = mix(row(batch, index), position);
    const factor = at(sharedTable, word) * at(aloneTable, mix(word, 1));
    return Math.round(Math.min(worst, (predictorMeans[batch]?.[index] ?? 0) * factor));
  };
  const totals = batches.map(({ rows, length }, batch) => {
    const sum = { honest: 0, baseline: 0 };
    for (let index = 0; index < rows; index += 1) {
      for (let position = 0; position < length - 1; position += 1) {
        sum.honest += honest(batch, index, position);
        sum.baseline += baseline(batch, index, position);
      }
    }
    return sum;
  });
  return { shape, honest, baseline, totals };
}

/** Where a row begins in the stream, in tokens, as if all batches had as many rows. */
function tokensBefore(batches: Shape['batches']): (batch: number, row: number) => number {
  const sizes = batches.map(({ rows, length }) => rows * (length - 1));
  let total = 0;
  const taken = sizes.map((size) => {
    total += size;
    return total - size;
  });
  return (batch, row) => ((taken[batch] ?? 0) + row * total) / (batches[batch]?.rows ?? 1);
}
