import { expect } from 'chai';
import { honest, peeking, peekingInBatches, shading } from '../../../bench/power/contestants.ts';
import { normal } from '../../../bench/power/random.ts';
import { blindMean } from '../../../domain/integrity/blind-mean.ts';
import { claimedCost, predictedPositions } from '../../../domain/integrity/claimed-cost.ts';
import { clusterMean } from '../../../domain/integrity/cluster-mean.ts';
import { attempt, examined, populationOf, populations, rerun, runDensity, share } from './simulated.ts';

const demo = populationOf('B 16, T 64');

describe('The mean of clusters', () => {
  const flat = (count: number, mean: number) => Array.from({ length: count }, () => ({ weight: 2, mean }));

  it('weighs them, and knows nothing better than the last digit of what they were rounded to', () => {
    expect(clusterMean(flat(100, 7))).to.deep.equal({ mean: 7, standardError: 0.1 });
    const mixed = [...flat(30, 1), ...Array.from({ length: 10 }, () => ({ weight: 6, mean: 5 }))];
    expect(clusterMean(mixed)?.mean).to.equal(3);
  });

  it('takes the scatter from neighbours: half the squared difference, whatever the trend', () => {
    const zigzag = Array.from({ length: 64 }, (_, index) => ({ weight: 1, mean: index % 2 === 0 ? 0 : 80 }));
    expect(clusterMean(zigzag)?.standardError).to.be.closeTo(Math.sqrt((80 ** 2 / 2) * 64) / 64, 1e-9);
    const slope = Array.from({ length: 64 }, (_, index) => ({ weight: 1, mean: 10 * index }));
    expect(clusterMean(slope)?.standardError).to.be.closeTo(Math.sqrt(50 / 64), 1e-9);
  });

  it('says nothing of fewer than thirty', () => {
    expect(clusterMean(flat(29, 7))).to.equal(null);
    expect(clusterMean(flat(30, 7))).not.to.equal(null);
  });
});

describe('An honest run', function () {
  this.timeout(30_000);

  for (const [name, people] of Object.entries(populations)) {
    it(`is estimated without bias, errs as much as it says, and isn't accused (${name})`, () => {
      const trials = 500;
      const means = Array.from({ length: trials }, (_, trial) => {
        const { record, cuts } = attempt(people, honest, runDensity, trial, false);
        const mean = blindMean(record, cuts);
        return mean ?? expect.fail('too few decoys');
      });
      const errors = means.map(({ excess, excessStandardError }) => excess / excessStandardError);
      const average = errors.reduce((sum, error) => sum + error, 0) / trials;
      const spread = Math.sqrt(errors.reduce((sum, error) => sum + error ** 2, 0) / trials);
      // Of 500 standard normal errors the mean lies within 0.13, and the spread within a tenth, of theirs.
      expect(average).to.be.within(-0.2, 0.2);
      expect(spread).to.be.within(0.8, 1.15);
      expect(errors.filter((error) => error > 4)).to.deep.equal([]);
    });
  }

  it('shows no difference at its cuts, to the last digit', () => {
    expect(examined(demo, honest, 1)).to.deep.include({ exceedingCuts: 0, largestMicroNats: 0 });
    expect(examined(demo, honest, 1).signed).to.deep.include({ meanMicroNats: 0, standardErrors: 0 });
  });

  it('is examined by the arithmetic of the version that it states: another one needs another version', () => {
    const { version, blind, signed, undetectedBpb } = examined(demo, honest, 1);
    const numbers = [blind?.bitsPerByte, blind?.standardErrorBpb, blind?.excessStandardErrors, undetectedBpb];
    expect([version, ...numbers, signed?.standardErrorMicroNats]).to.deep.equal([
      3, 3.5164908710759604, 0.16517653369200672, 0.3105598684661435, 0.958023895413639, 0.17677669529663687,
    ]);
  });

  it('is confirmed by its rerun', () => {
    expect(share(50, (trial) => rerun(demo, honest, trial).rerun?.verdict === 'confirmed')).to.equal(1);
  });

  it('has a blind code length around the one that it was charged', () => {
    const { record, cuts } = attempt(demo, honest, runDensity, 3, false);
    const mean = blindMean(record, cuts) ?? expect.fail('too few decoys');
    const claimed = claimedCost(record).microNats / predictedPositions(record);
    expect(mean.blind - claimed).to.equal(mean.excess);
    expect(Math.abs(mean.excess)).to.be.below(3 * mean.standardError);
  });
});

describe('A contestant that looks ahead where it has seen the cuts', function () {
  this.timeout(30_000);

  it('pays blind what it doesn’t claim: the blind mean finds a large advantage', () => {
    expect(
      share(60, (trial) => (examined(demo, peeking(0.5, 5), trial).blind?.excessStandardErrors ?? 0) > 4),
    ).to.equal(1);
  });

  it('with the advantage that is said to pass once in twenty times passes about that often', () => {
    const { undetectedBpb } = examined(demo, honest, 1);
    const boldness = (undetectedBpb ?? 0) / advantageOf(1);
    const found = share(
      200,
      (trial) => (examined(demo, peeking(boldness, 6), trial).blind?.excessStandardErrors ?? 0) > 4,
    );
    expect(found).to.be.within(0.85, 1);
  });

  it('in few positions is beyond the blind mean, and found by the rerun as often as its cuts can', () => {
    const cuts = rerun(demo, honest, 1).cuts;
    for (const boldness of [0.002, 0.0005]) {
      const contestant = peeking(boldness, 7);
      expect(share(40, (trial) => (examined(demo, contestant, trial).blind?.excessStandardErrors ?? 0) > 4)).to.equal(
        0,
      );
      const found = share(150, (trial) => rerun(demo, contestant, trial).rerun?.verdict === 'contradicted');
      expect(found).to.be.closeTo(1 - (1 - boldness) ** cuts, 0.12);
    }
  });

  it('in whole batches, chosen by a coin, is always found by the rerun: no batch goes without a decoy', () => {
    const contestant = peekingInBatches(0.02, 8);
    expect(share(40, (trial) => rerun(demo, contestant, trial).rerun?.verdict === 'contradicted')).to.equal(1);
  });
});

describe('A contestant that shades its claims', () => {
  const faint = { ...honest, at: (_b: number, _r: number, _p: number, cost: number) => cost - 20 };

  it('by a tenth exceeds the bound of equality', () => {
    expect(examined(demo, shading(0.1), 1, false).exceedingCuts).to.be.greaterThan(100);
  });

  it('below the bound is found by the direction of its differences', () => {
    const { largestMicroNats, signed } = examined(demo, faint, 1, false);
    expect(largestMicroNats).to.equal(20);
    expect(signed).to.deep.include({ meanMicroNats: 20 });
    expect(signed?.standardErrors).to.be.greaterThan(100);
    expect(rerun(demo, faint, 1).rerun?.verdict).to.equal('contradicted');
  });

  it('and hides it where it saw the cuts is found by the rerun', () => {
    expect(examined(demo, faint, 1).signed?.standardErrors).to.equal(0);
    expect(rerun(demo, faint, 1).exceedingCuts).to.equal(0);
    expect(rerun(demo, faint, 1).rerun?.verdict).to.equal('contradicted');
  });
});

describe('Differences of an honest model’s last digits', () => {
  const imprecise = (spread: number) => ({
    ...honest,
    at: (batch: number, row: number, position: number, cost: number) =>
      cost + Math.round(spread * normal(21, batch, row, position)),
  });

  it('have no direction, and accuse nobody: as large as those of half-precision convolutions', () => {
    const found = share(100, (trial) => {
      const { signed, exceedingCuts } = examined(demo, imprecise(6_000), trial, false);
      return exceedingCuts > 0 || (signed?.standardErrors ?? 0) > 4;
    });
    expect(found).to.equal(0);
  });

  it('widen what a confirmed score may hide', () => {
    const [exact, rough] = [honest, imprecise(6_000)].map(
      (contestant) => rerun(demo, contestant, 2).undetectedBpb ?? 0,
    );
    expect(rough).to.be.greaterThan((exact ?? 0) + 5 * 0.0002);
  });
});

/** Bits per byte that a share of positions looked ahead at would gain. */
function advantageOf(boldness: number): number {
  const [full, none] = [peeking(boldness, 6), honest].map((contestant) => {
    const { record } = attempt(demo, contestant, runDensity, 1, true);
    return record.totals.microNats / 1e6 / Math.LN2 / record.streamBytes;
  });
  return (none ?? 0) - (full ?? 0);
}
