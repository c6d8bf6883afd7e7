import { expect } from 'chai';
import { type Contestant, honest } from '../../../bench/power/contestants.ts';
import type { Population, Shape } from '../../../bench/power/population.ts';
import { bytes, normal } from '../../../bench/power/random.ts';
import { cutsOf, recordOf } from '../../../bench/power/simulate.ts';
import { type BlindMean, blindMean } from '../../../domain/integrity/blind-mean.ts';
import { uniformOf } from '../../../domain/integrity/placement.ts';

const density = { cutsPerMegabyte: 0, framesPerBatch: 0.25 };
const rows = 4;
const positions = 100_000;
const [short, long] = [16, 250];
const trials = 20;

type Chosen = Shape & {
  /** By batch: whether the contestant knows that no decoy comes before it. */
  readonly isFree: readonly boolean[];
  /** By batch: the share of the stream before it. */
  readonly progress: readonly number[];
};

/**
 * What a contestant does that takes short rows while a stratum's decoy is due, and long ones once it has come; and near the end, where its
 * predictions are best, short ones only, for as many decoys as can be had.
 */
function chosenBy(cutKey: Uint8Array): Chosen {
  const place = uniformOf(cutKey);
  const [batches, isFree, progress]: [{ rows: number; length: number }[], boolean[], number[]] = [[], [], []];
  let [reached, decoys, taken] = [0, 0, 0];
  while (taken < positions) {
    const share = taken / positions;
    const free = reached + density.framesPerBatch <= decoys;
    const length = free && share < 0.85 ? long : short;
    batches.push({ rows, length });
    isFree.push(free);
    progress.push(share);
    taken += rows * (length - 1);
    reached += batches.length === 1 ? 1 : density.framesPerBatch;
    while (decoys + place(decoys) < reached) decoys += 1;
  }
  return { batches, vocab: 256, bytesPerToken: 1, isFree, progress };
}

/** A model that learns over the whole stream; the referee's predictor hardly does. */
function learning(shape: Chosen, seed: number): Population {
  const chance = (...at: readonly number[]) => Math.exp(0.5 * normal(seed, ...at));
  const cost = (start: number, fall: number) => (batch: number, row: number, position: number) =>
    Math.round(1e6 * (start - fall * (shape.progress[batch] ?? 0)) * chance(batch, row, position));
  const [own, baseline] = [cost(4, 2.5), cost(3, 0.5)];
  const sum = (of: typeof own, batch: number, length: number) => {
    let total = 0;
    for (let row = 0; row < rows; row += 1)
      for (let position = 0; position < length - 1; position += 1) total += of(batch, row, position);
    return total;
  };
  const totals = shape.batches.map(({ length }, batch) => ({
    ...{ honest: sum(own, batch, length), baseline: sum(baseline, batch, length) },
  }));
  return { shape, honest: own, baseline, totals };
}

/** Claims so much less than it would cost wherever no decoy can come. */
function shadingWhereFree({ isFree }: Chosen, by: number): Contestant {
  const claim = (batch: number, cost: number) => (isFree[batch] ? Math.round(cost * (1 - by)) : cost);
  return { name: 'shading', at: (batch, _row, _position, cost) => claim(batch, cost), inBatch: claim };
}

function examined(trial: number, contestantOf: (shape: Chosen) => Contestant): BlindMean {
  const cutKey = bytes(32, 98, trial);
  const shape = chosenBy(cutKey);
  const people = learning(shape, trial);
  const contestant = contestantOf(shape);
  const record = recordOf(people, contestant);
  return blindMean(record, cutsOf(people, contestant, record, density, cutKey, false)) ?? expect.fail('too few decoys');
}

describe('A contestant that chooses its shapes by the decoys that it has seen', function () {
  this.timeout(30_000);

  it('doesn’t move the estimate of what it pays blind', () => {
    const errors = Array.from({ length: trials }, (_, trial) => {
      const { excess, excessStandardError } = examined(trial, () => honest);
      return excess / excessStandardError;
    });
    const average = errors.reduce((sum, error) => sum + error, 0) / trials;
    expect(average).to.be.within(-0.6, 0.6);
  });

  it('is found by the blind mean where it claims a fifth less once no decoy can come', () => {
    const found = Array.from({ length: trials }, (_, trial) =>
      examined(trial, (shape) => shadingWhereFree(shape, 0.2)),
    );
    expect(found.map(({ excess, excessStandardError }) => excess / excessStandardError)).to.satisfy(
      (errors: readonly number[]) => errors.every((error) => error > 4),
    );
  });
});
