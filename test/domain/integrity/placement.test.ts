import { expect } from 'chai';
import { bytes, uniform } from '../../../bench/power/random.ts';
import { decoyCuts, expectedDecoys, placeDecoys, strataOf, uniformOf } from '../../../domain/integrity/placement.ts';

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);

/** Shapes with their cumulative bytes, as a record has them. */
function batches(...shapes: readonly (readonly [rows: number, length: number, bytes: number])[]) {
  let coveredBytes = 0;
  return shapes.map(([rows, length, bytesOfBatch]) => {
    coveredBytes += bytesOfBatch;
    return { rows, length, coveredBytes };
  });
}

describe('The placement of decoys', () => {
  const uneven = batches(
    [3, 5, 900],
    ...Array.from({ length: 60 }, () => [16, 65, 1_024] as const),
    ...Array.from({ length: 40 }, () => [4, 513, 8_000] as const),
    [4, 2, 4],
  );
  const lambdas = expectedDecoys(uneven, { cutsPerMegabyte: 1_000, framesPerBatch: 0.25 });

  it('expects the cuts of policy, at least its floor, and at least one decoy before the first batch', () => {
    expect(lambdas[0]).to.equal(1);
    expect(lambdas[1]).to.equal(0.25);
    expect(lambdas[70]).to.equal(2);
    expect(lambdas.at(-1)).to.equal(0.25);
  });

  it('has one decoy in every stratum: their number is certain to within one, the first batch always has one', () => {
    for (let key = 0; key < 200; key += 1) {
      const counts = placeDecoys(lambdas, uniformOf(bytes(32, 1, key)));
      expect(counts[0]).to.be.at.least(1);
      expect(sum(counts)).to.be.within(Math.floor(sum(lambdas)), Math.ceil(sum(lambdas)));
      let [reached, placed] = [0, 0];
      counts.forEach((count, batch) => {
        reached += lambdas[batch] ?? 0;
        placed += count;
        expect(placed, `up to batch ${batch}`).to.be.within(Math.floor(reached), Math.ceil(reached));
      });
    }
  });

  it('gives every batch as many as it expects, over all keys', () => {
    const keys = 4_000;
    const counts = lambdas.map(() => 0);
    for (let key = 0; key < keys; key += 1) {
      placeDecoys(lambdas, (index) => uniform(2, key, index)).forEach((count, batch) => {
        counts[batch] = (counts[batch] ?? 0) + count;
      });
    }
    for (const batch of [0, 1, 2, 3, 4, 60, 61, 62, 99, 100, 101]) {
      expect((counts[batch] ?? 0) / keys, `batch ${batch}`).to.be.closeTo(lambdas[batch] ?? 0, 0.04);
    }
  });

  it('leaves no batch without a decoy where every batch expects a whole number of them', () => {
    const counts = placeDecoys([1, 1, 2, 1, 3, 1], uniformOf(bytes(32, 3)));
    expect(counts).to.deep.equal([1, 1, 2, 1, 3, 1]);
  });

  it('splits what a batch expects over the strata that it lies in', () => {
    expect(strataOf(2, 1)).to.deep.equal([1]);
    expect(strataOf(0.5, 0.25)).to.deep.equal([0.25]);
    expect(strataOf(0.75, 2)).to.deep.equal([0.25, 1, 0.75]);
  });
});

describe('The cuts of a decoy', () => {
  const cutKey = Uint8Array.from({ length: 32 }, (_, index) => 100 + index);

  it('are those that the referee draws from the same key', () => {
    const shapes = batches(
      [3, 5, 900],
      [3, 5, 20],
      [3, 5, 20],
      [1, 2, 1],
      [1, 2, 1],
      [2, 8, 300],
      [2, 8, 300],
      [4, 3, 700],
    );
    const lambda = expectedDecoys(shapes, { cutsPerMegabyte: 8_000, framesPerBatch: 0.25 });
    const counts = placeDecoys(lambda, uniformOf(cutKey));
    expect(counts).to.deep.equal([2, 0, 1, 0, 1, 0, 2, 1]);
    const drawn = counts.map((count, batch) =>
      decoyCuts(cutKey, batch, count, shapes[batch] ?? { rows: 0, length: 0 }),
    );
    expect(drawn).to.deep.equal([
      [
        [1, 1, 1],
        [2, 3, 2],
      ],
      [],
      [[3, 1, 3]],
      [],
      [[1]],
      [],
      [
        [2, 3],
        [5, 6],
      ],
      [[1, 1, 2, 1]],
    ]);
  });

  it('never decrease from frame to frame in a row, and lie uniformly over the scored positions', () => {
    const hits = Array.from({ length: 8 }, () => 0);
    for (let batch = 0; batch < 500; batch += 1) {
      const frames = decoyCuts(cutKey, batch, 4, { rows: 4, length: 9 });
      frames.forEach((cuts, frame) => {
        cuts.forEach((cut, row) => {
          expect(cut).to.be.at.least(frames[frame - 1]?.[row] ?? 1);
          hits[cut - 1] = (hits[cut - 1] ?? 0) + 1;
        });
      });
    }
    // 8,000 draws over 8 places: 1,000 each, give or take four standard deviations.
    for (const count of hits) expect(count).to.be.within(880, 1_120);
  });
});
