import { expect } from 'chai';
import type { Contestant } from '../../../bench/power/contestants.ts';
import type { Population } from '../../../bench/power/population.ts';
import { bytes, normal } from '../../../bench/power/random.ts';
import { cutsOf, recordOf } from '../../../bench/power/simulate.ts';
import { blindMean } from '../../../domain/integrity/blind-mean.ts';
import { decoyCuts, uniformOf } from '../../../domain/integrity/placement.ts';

const density = { cutsPerMegabyte: 0, framesPerBatch: 0.25 };
const rows = 4;
const positions = 100_000;
const [short, long] = [16, 250];
const trials = 20;

/** What a contestant knows when it chooses the shape of its next batch. */
type Seen = {
  /** The decoy of the stratum has come: none comes before this batch. */
  readonly isFree: boolean;
  /** Share of the stream. */
  readonly progress: number;
  /** What it paid blind at the newest decoy's cuts, over what was to be expected there. */
  readonly luck: number;
};
type Chosen = { readonly length: number } & Seen;

/** The shape of every batch, as a contestant comes to it that sees each decoy and then chooses the length of the next rows. */
function chosenBy(cutKey: Uint8Array, chance: Chance, choose: (seen: Seen) => number): readonly Chosen[] {
  const place = uniformOf(cutKey);
  const batches: Chosen[] = [];
  let [reached, decoys, taken, luck] = [0, 0, 0, 1];
  while (taken < positions) {
    const batch = batches.length;
    const seen = { isFree: reached + density.framesPerBatch <= decoys, progress: taken / positions, luck };
    const length = choose(seen);
    batches.push({ ...seen, length });
    taken += rows * (length - 1);
    reached += batch === 0 ? 1 : density.framesPerBatch;
    if (decoys + place(decoys) >= reached) continue;
    decoys += 1;
    const [cuts = []] = decoyCuts(cutKey, batch, 1, { rows, length });
    luck = cuts.reduce((sum, cut, row) => sum + chance(batch, row, cut - 1), 0) / rows;
  }
  return batches;
}

/** A position's own chance, 1 on average. */
type Chance = (batch: number, row: number, position: number) => number;

function chanceOf(seed: number): Chance {
  const spread = 0.7;
  return (...place) => Math.exp(spread * normal(seed, ...place) - spread ** 2 / 2);
}

/** A model that learns over the whole stream; the referee's predictor hardly does, and shares nothing of its chance. */
function learning(batches: readonly Chosen[], chance: Chance): Population {
  const nats = (start: number, fall: number, batch: number) => start - fall * (batches[batch]?.progress ?? 0);
  const own = (batch: number, row: number, position: number) =>
    Math.round(1e6 * nats(4, 2.5, batch) * chance(batch, row, position));
  const baseline = (batch: number) => Math.round(1e6 * nats(3, 0.5, batch));
  const totals = batches.map(({ length }, batch) => {
    let sum = 0;
    for (let row = 0; row < rows; row += 1)
      for (let position = 0; position < length - 1; position += 1) sum += own(batch, row, position);
    return { honest: sum, baseline: baseline(batch) * rows * (length - 1) };
  });
  const shape = { batches: batches.map(({ length }) => ({ rows, length })), vocab: 256, bytesPerToken: 1 };
  return { shape, honest: own, baseline, totals };
}

/** Claims so much less than it would cost wherever no decoy can come. */
function shading(batches: readonly Chosen[], by: number): Contestant {
  const claim = (batch: number, cost: number) => (batches[batch]?.isFree ? Math.round(cost * (1 - by)) : cost);
  return { name: 'shading', at: (batch, _row, _position, cost) => claim(batch, cost), inBatch: claim };
}

/** By how many of its standard errors the blind mean lies above the claims, in each of some runs. */
function excesses(choose: (seen: Seen) => number, by: number): readonly number[] {
  return Array.from({ length: trials }, (_, trial) => {
    const [cutKey, chance] = [bytes(32, 98, trial), chanceOf(trial)];
    const batches = chosenBy(cutKey, chance, choose);
    const [people, contestant] = [learning(batches, chance), shading(batches, by)];
    const record = recordOf(people, contestant);
    const mean = blindMean(record, cutsOf(people, contestant, record, density, cutKey, false));
    return mean === null ? expect.fail('too few decoys') : mean.excess / mean.excessStandardError;
  });
}

/** Long rows while none is due; and near the end, where it predicts best, short ones only, for as many decoys as can be had. */
const byTime = ({ isFree, progress }: Seen) => (isFree && progress < 0.85 ? long : short);
/** Long rows while none is due and the newest one was answered well, so that this one would stand for many. */
const byLuck = ({ isFree, luck }: Seen) => (isFree && luck < 0.95 ? long : short);

describe('A contestant that chooses its shapes by the decoys that it has seen', function () {
  this.timeout(30_000);

  for (const [title, choose] of Object.entries({ 'when they came': byTime, 'how it did in them': byLuck })) {
    it(`doesn’t move what it is found to pay blind by ${title}`, () => {
      const found = excesses(choose, 0);
      const average = found.reduce((sum, excess) => sum + excess, 0) / trials;
      // Of twenty standard normal errors the mean lies within 0.67 of theirs, but for one time in a thousand.
      expect(average).to.be.within(-0.7, 0.7);
    });

    it(`and claims half as much once no decoy can come is found by the blind mean all the same (${title})`, () => {
      expect(Math.min(...excesses(choose, 0.5))).to.be.greaterThan(4);
    });
  }
});
