import { worstMicroNats } from '../../domain/integrity/record.ts';
import { normal } from './random.ts';

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
 * the predictor shares in part. MicroNats, whole.
 */
export type Population = {
  readonly shape: Shape;
  honest(batch: number, row: number, position: number): number;
  baseline(batch: number, row: number, position: number): number;
  /** Sums over all positions of a batch. */
  readonly totals: readonly { readonly honest: number; readonly baseline: number }[];
};

const sharedSurprise = 0.7;

export function population(shape: Shape, seed: number, { tail, floorNats, halfLife, unevenness }: Temper): Population {
  const { batches, vocab } = shape;
  const worst = worstMicroNats(vocab);
  const uneven = (...at: readonly number[]) => Math.exp(unevenness * normal(seed, ...at) - unevenness ** 2 / 2);
  const lanes = Array.from({ length: Math.max(...batches.map(({ rows }) => rows)) }, (_, row) => uneven(1, row));
  const trends = batches.map((_, batch) => uneven(2, batch));
  const curve = (batch: number, floor: number, half: number) => floor + (Math.log(vocab) - floor) / (1 + batch / half);
  const cost = (mean: number, surprise: number) =>
    Math.round(Math.min(worst, mean * 1e6 * Math.exp(tail * surprise - tail ** 2 / 2)));
  const meanAt = (batch: number, row: number, position: number) =>
    (trends[batch] ?? 1) * (lanes[row] ?? 1) * (1 + 1 / (position + 1));
  const surpriseAt = (batch: number, row: number, position: number) => normal(seed, 3, batch, row, position);

  const honest = (batch: number, row: number, position: number) =>
    cost(curve(batch, floorNats, halfLife) * meanAt(batch, row, position), surpriseAt(batch, row, position));
  const baseline = (batch: number, row: number, position: number) => {
    const own = normal(seed, 4, batch, row, position);
    const surprise = sharedSurprise * surpriseAt(batch, row, position) + Math.sqrt(1 - sharedSurprise ** 2) * own;
    return cost(curve(batch, floorNats * 1.1, halfLife / 4) * meanAt(batch, row, position), surprise);
  };
  const totals = batches.map(({ rows, length }, batch) => {
    const sum = { honest: 0, baseline: 0 };
    for (let row = 0; row < rows; row += 1) {
      for (let position = 0; position < length - 1; position += 1) {
        sum.honest += honest(batch, row, position);
        sum.baseline += baseline(batch, row, position);
      }
    }
    return sum;
  });
  return { shape, honest, baseline, totals };
}
