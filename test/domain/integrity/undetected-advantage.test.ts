import { expect } from 'chai';
import { bytes, uniform } from '../../../bench/power/random.ts';
import {
  type Density,
  decoyCuts,
  expectedDecoys,
  placeDecoys,
  uniformOf,
} from '../../../domain/integrity/placement.ts';
import { predictedIn, type RunRecord, worstMicroNats } from '../../../domain/integrity/record.ts';
import { passableMean, undetectedByRerun } from '../../../domain/integrity/undetected-advantage.ts';

const vocab = 256;
const costMicroNats = 1_200_000;

/** A run in which every position costs the same: what a cheat gains is then a count of positions. */
function recordOf(rows: number, length: number, count: number): RunRecord {
  const positions = rows * (length - 1);
  const batches = Array.from({ length: count }, (_, index) => ({
    ...{ rows, length, firstTokens: 0, scoredRows: rows, baselineMicroNats: 0 },
    ...{ microNats: positions * costMicroNats, coveredBytes: positions * (index + 1) },
  }));
  const totals = { predictedTokens: positions * count, laneFirstTokens: 0, microNats: 0 };
  return {
    ...{ schema: 'prism_record.v2', codeHash: '', seed: 0, tokenizer: 'bytes', vocab, epsilon: '2^-12' },
    ...{ streamBytes: positions * count, streamTokens: positions * count, scoredRowFraction: 1, batches, groups: [] },
    remainder: { tokens: 0, bytes: 0, microNats: 0 },
    totals: { ...totals, coveredBytes: positions * count, uncoveredBytes: 0 },
  };
}

/** Which positions a cheat has looked ahead at. */
type Strategy = (batch: number, row: number, position: number) => boolean;

function boundOf(record: RunRecord, density: Density): number {
  return undetectedByRerun({
    ...{ record, density, blindMicroNats: costMicroNats, shadeMicroNats: 0, unprovenPositions: 0 },
  });
}

/** How often no cut of a rerun hits a position that the strategy has looked ahead at. */
function passes({ batches }: RunRecord, density: Density, strategy: Strategy, keys: number): number {
  const lambdas = expectedDecoys(batches, density);
  let passed = 0;
  for (let key = 0; key < keys; key += 1) {
    const cutKey = bytes(32, 31, key);
    const isHit = placeDecoys(lambdas, uniformOf(cutKey)).some((count, batch) =>
      decoyCuts(cutKey, batch, count, batches[batch] ?? { rows: 0, length: 0 }).some((cuts) =>
        cuts.some((cut, row) => strategy(batch, row, cut - 1)),
      ),
    );
    if (!isHit) passed += 1;
  }
  return passed / keys;
}

function gainOf({ batches }: RunRecord, strategy: Strategy): number {
  let positions = 0;
  batches.forEach(({ rows, length }, batch) => {
    for (let row = 0; row < rows; row += 1)
      for (let position = 0; position < length - 1; position += 1) positions += strategy(batch, row, position) ? 1 : 0;
  });
  return positions * costMicroNats;
}

/** Families of strategies, from timid to bold: scattered, whole batches, a part of each row of some batches, whole rows. */
const families: Readonly<Record<string, (boldness: number) => Strategy>> = {
  'positions scattered by a coin': (boldness) => (batch, row, position) =>
    uniform(41, batch, row, position) < boldness * 0.004,
  'whole batches': (boldness) => (batch) => batch % 7 === 3 && batch < 7 * boldness,
  'whole batches that lie astride two strata': (boldness) => (batch) => batch % 3 === 1 && batch < 3 * boldness,
  'half of every row of some batches': (boldness) => (batch, _row, position) =>
    batch < 1 + boldness && batch > 0 && position % 2 === 0,
  'one row of every batch': (boldness) => (batch, row) => row === 0 && batch > 0 && batch <= boldness,
  'the ends of the rows of every batch': (boldness) => (_batch, _row, position) => position >= 31 - boldness / 4,
};

const densities: Readonly<Record<string, Density>> = {
  'one decoy a batch': { cutsPerMegabyte: 0, framesPerBatch: 1 },
  'one and a third': { cutsPerMegabyte: 0, framesPerBatch: 4 / 3 },
  'two fifths': { cutsPerMegabyte: 0, framesPerBatch: 0.4 },
  'a quarter': { cutsPerMegabyte: 0, framesPerBatch: 0.25 },
};

describe('The largest undetected advantage of a confirmed score', function () {
  this.timeout(30_000);
  const record = recordOf(6, 32, 60);

  for (const [name, density] of Object.entries(densities)) {
    it(`is more than any strategy gains that passes once in twenty times (${name})`, () => {
      const bound = boundOf(record, density);
      let boldest = 0;
      for (const family of Object.values(families)) {
        for (const boldness of [1, 2, 3, 5, 8, 12, 20, 32]) {
          const strategy = family(boldness);
          const gain = gainOf(record, strategy);
          if (passes(record, density, strategy, 150) < 0.08) break;
          boldest = Math.max(boldest, gain);
          expect(gain, `boldness ${boldness}`).to.be.at.most(bound);
        }
      }
      // Nor is it idle: a strategy as simple as these comes within a factor of the worst a position can cost.
      expect(boldest * (worstMicroNats(vocab) / costMicroNats)).to.be.greaterThan(bound / 3);
    });
  }

  it('of scattered positions is 3/n of them at the worst that each can cost, for n cuts', () => {
    const density = { cutsPerMegabyte: 0, framesPerBatch: 1 };
    const cuts = 6 * 60;
    const positions = record.batches.reduce((sum, batch) => sum + predictedIn(batch), 0);
    const expected = (Math.log(20) / cuts) * positions * worstMicroNats(vocab);
    expect(boundOf(record, density)).to.be.closeTo(expected, expected / 100);
  });

  it('falls as the stream grows and as cuts grow denser, and is never more than everything', () => {
    const perByte = (count: number, framesPerBatch: number) => {
      const longer = recordOf(6, 32, count);
      return boundOf(longer, { cutsPerMegabyte: 0, framesPerBatch }) / longer.streamBytes;
    };
    expect(perByte(600, 1)).to.be.closeTo(perByte(60, 1) / 10, perByte(60, 1) / 1_000);
    expect(perByte(60, 4)).to.be.closeTo(perByte(60, 1) / 4, perByte(60, 1) / 100);
    expect(perByte(3, 0.01)).to.be.at.most(costMicroNats);
  });

  it('of a run with batches that no decoy watches is at least what those are worth', () => {
    const large = recordOf(128, 32, 60);
    const watched = boundOf(large, { cutsPerMegabyte: 0, framesPerBatch: 1 });
    const astride = boundOf(large, { cutsPerMegabyte: 0, framesPerBatch: 4 / 3 });
    expect(astride).to.be.greaterThan(128 * 31 * costMicroNats);
    expect(watched).to.be.lessThan(astride);
  });

  it('counts shading and what no hash speaks for on top', () => {
    const density = { cutsPerMegabyte: 0, framesPerBatch: 1 };
    const base = { record, density, blindMicroNats: costMicroNats, shadeMicroNats: 0, unprovenPositions: 0 };
    const positions = 60 * 6 * 31;
    expect(undetectedByRerun({ ...base, shadeMicroNats: 7 }) - undetectedByRerun(base)).to.be.closeTo(7 * positions, 1);
    expect(undetectedByRerun({ ...base, unprovenPositions: 10 }) - undetectedByRerun(base)).to.be.closeTo(
      10 * worstMicroNats(vocab),
      1,
    );
  });
});

describe('The largest undetected advantage by a test of means', () => {
  it('is its threshold and 1.8 standard errors more', () => {
    expect(passableMean(2, 4)).to.be.closeTo(11.6, 1e-9);
  });
});
