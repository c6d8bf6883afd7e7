import { expect } from 'chai';
import { honest } from '../../../bench/power/contestants.ts';
import { evenShape, population, type Shape, temper } from '../../../bench/power/population.ts';
import { bytes } from '../../../bench/power/random.ts';
import { cutsOf, recordOf } from '../../../bench/power/simulate.ts';
import { blindMean } from '../../../domain/integrity/blind-mean.ts';
import { decoyClusters } from '../../../domain/integrity/decoy-clusters.ts';
import type { Density } from '../../../domain/integrity/placement.ts';
import { runDensity, segments } from './simulated.ts';

describe('A decoy', () => {
  const standsFor = (shape: Shape, density: Density) => {
    const people = population(shape, 1, temper);
    const record = recordOf(people, honest);
    const cuts = cutsOf(people, honest, record, density, bytes(32, 97, 1), false);
    return decoyClusters(record, cuts, () => 0).map(({ weight }) => Math.round(weight));
  };
  const inQuarters = { cutsPerMegabyte: 0, framesPerBatch: 0.25 };

  it('stands for its stratum; the first one for the first batch alone, since that always has one', () => {
    const [first, ...others] = standsFor(evenShape(4, 26, 40_000), inQuarters);
    expect(first).to.equal(4 * 25);
    expect(new Set(others)).to.deep.equal(new Set([4 * 4 * 25]));
  });

  it('stands for as many positions as the stratum before had', () => {
    const shape = { ...evenShape(4, 26, 40_000), batches: segments([4, 26, 9], [4, 51, 20]) };
    expect(standsFor(shape, inQuarters).slice(0, 5)).to.deep.equal([100, 400, 400, 400, 800]);
  });

  it('stands for its share of a batch that has several', () => {
    const weights = standsFor(evenShape(4, 26, 4_000), { cutsPerMegabyte: 0, framesPerBatch: 2 });
    expect(new Set(weights)).to.deep.equal(new Set([100]));
  });

  it('has the lag of one stratum: a single short batch before long ones hides the beginning of a learning curve, one standard error', () => {
    const people = population({ ...evenShape(16, 64, 0), batches: segments([16, 2, 1], [16, 64, 248]) }, 17, temper);
    const record = recordOf(people, honest);
    const trials = 200;
    const errors = Array.from({ length: trials }, (_, trial) => {
      const mean = blindMean(record, cutsOf(people, honest, record, runDensity, bytes(32, 96, trial), false));
      return mean === null ? expect.fail('too few decoys') : mean.excess / mean.excessStandardError;
    });
    expect(errors.reduce((sum, error) => sum + error, 0) / trials).to.be.within(-1.2, -0.2);
  });
});
