import { expect } from 'chai';
import { honest } from '../../../bench/power/contestants.ts';
import { recordOf } from '../../../bench/power/simulate.ts';
import { cutsLimitBytes, recordableFrames } from '../../../domain/integrity/cuts-size.ts';
import { expectedDecoys } from '../../../domain/integrity/placement.ts';
import type { GroupRecord, RunRecord } from '../../../domain/integrity/record.ts';
import { reproduction } from '../../../domain/integrity/rerun.ts';
import { limitsOf, rerunDensity } from '../../../domain/integrity/rerun-plan.ts';
import { rerunRule } from '../../../domain/integrity/rerun-rule.ts';
import { type PolicyDraft, policySchema } from '../../../domain/policy/policy.ts';
import type { Score } from '../../../domain/submission/events.ts';
import { measurement, noStandings, scoreOf } from '../submission-examples.ts';
import { populationOf } from './simulated.ts';

const some = recordOf(populationOf('B 16, T 64'), honest);
const group = (logits: string, positions = 1_071): GroupRecord => ({ logits, positions, microNats: positions * 1_000 });
const withGroups = (...groups: readonly GroupRecord[]): RunRecord => ({ ...some, groups });

describe('The comparison of a rerun with its run', () => {
  const run = withGroups(group('a'), group('b'), group('c', 600));

  it('finds every group again, or the first that differs', () => {
    expect(reproduction(run, run)).to.deep.equal({
      ...{ groupsCompared: 3, groupsEqual: 3, firstDifferingGroup: null, unprovenPositions: 0 },
    });
    const other = withGroups(group('a'), group('x'), group('c', 600));
    expect(reproduction(run, other)).to.include({ groupsCompared: 3, groupsEqual: 2, firstDifferingGroup: 1 });
  });

  it('takes another cost or another size for another group', () => {
    const costly = withGroups({ ...group('a'), microNats: 1 }, group('b'), group('c', 600));
    expect(reproduction(run, costly).firstDifferingGroup).to.equal(0);
    expect(reproduction(run, withGroups(group('a'), group('b'), group('c', 500))).firstDifferingGroup).to.equal(2);
  });

  it('misses what the rerun didn’t reach', () => {
    expect(reproduction(run, withGroups(group('a'), group('b')))).to.include({
      ...{ groupsCompared: 2, groupsEqual: 2, firstDifferingGroup: 2 },
    });
    expect(reproduction(run, withGroups())).to.include({ groupsCompared: 0, firstDifferingGroup: 0 });
  });

  it('leaves the last group open where the clock cut the run short and the rerun went on', () => {
    const longer = withGroups(group('a'), group('b'), group('y', 1_071), group('z'));
    expect(reproduction(run, longer)).to.deep.equal({
      ...{ groupsCompared: 2, groupsEqual: 2, firstDifferingGroup: null, unprovenPositions: 600 },
    });
  });
});

describe('The plan of a rerun', () => {
  const policy = policySchema.parse({});
  const asked = { cutsPerMegabyte: 8_000, framesPerBatch: 1 };

  it('has a whole number of decoys before every batch, as many as policy’s density comes to', () => {
    expect([64, 128, 190, 250, 512].map((bytes) => rerunDensity(asked, bytes).framesPerBatch)).to.deep.equal([
      1, 1, 2, 2, 4,
    ]);
    for (const rowBytes of [1, 63, 64, 127, 128, 129, 190, 511, 512, 2_200]) {
      const density = rerunDensity(asked, rowBytes);
      const batches = [1, 2, 3].map((index) => ({ rows: 8, coveredBytes: index * 8 * rowBytes }));
      expect(expectedDecoys(batches, density), `${rowBytes} bytes`).to.deep.equal(
        batches.map(() => density.framesPerBatch),
      );
    }
  });

  it('has no more decoys than can be written down, where one long row among short ones asks for many', () => {
    const short = Array.from({ length: 100_000 }, () => ({ rows: 64 }));
    expect(rerunDensity(asked, 2_044).framesPerBatch).to.equal(16);
    expect(rerunDensity(asked, 2_044, recordableFrames(short)).framesPerBatch).to.equal(1);
    expect(rerunDensity(asked, 2_044, recordableFrames(short.slice(0, 20_000))).framesPerBatch).to.equal(6);
    expect(rerunDensity({ ...asked, framesPerBatch: 8 }, 2_044, 1).framesPerBatch).to.equal(8);
    expect(recordableFrames([])).to.equal(cutsLimitBytes);
  });

  it('rounds a floor that isn’t whole up', () => {
    expect(rerunDensity({ cutsPerMegabyte: 0, framesPerBatch: 1.5 }, 64)).to.deep.equal({
      ...{ cutsPerMegabyte: 0, framesPerBatch: 2 },
    });
  });

  it('takes twice the run’s time, times the ratio of forwards', () => {
    // Run: 90 batches with 23 decoys; rerun: one decoy a batch.
    const repeats = { measurement: { ...measurement, seconds: 500 }, frames: 23 };
    const budgetSeconds = Math.ceil((2 * 500 * 2) / (1 + 23 / 90));
    expect(limitsOf(repeats, policy)).to.deep.equal({
      ...policy.limits,
      ...{ budgetSeconds, timeoutSeconds: 1_800 - 1_200 + budgetSeconds },
    });
    expect(limitsOf({ ...repeats, measurement: { ...measurement, seconds: 0.1 } }, policy).budgetSeconds).to.equal(60);
    expect(limitsOf({ ...repeats, measurement: { ...measurement, seconds: null } }, policy).budgetSeconds).to.equal(
      Math.ceil((2 * 1_200 * 2) / (1 + 23 / 90)),
    );
  });

  it('leaves every other run its limits', () => {
    expect(limitsOf(null, policy)).to.equal(policy.limits);
  });
});

describe('The rule of reruns', () => {
  const confirmed: Score = {
    ...scoreOf(measurement),
    finalScore: 0.3,
    bitsPerByte: 2.6,
    blindBpb: 2.61,
    baselineBpb: 3.05,
  };
  const ruleOf = (
    draft: NonNullable<PolicyDraft['integrity']>['reruns'],
    standings = {},
    lot = 0.5,
    score = confirmed,
  ) => {
    const { reruns } = policySchema.parse({ integrity: { reruns: draft } }).integrity;
    return rerunRule(reruns, score, { ...noStandings, ...standings }, lot);
  };

  it('asks for what would lead, for what would be paid above the baseline, and for a sample', () => {
    const beaten = { champion: 0.4, ofHotkey: 0.35 };
    expect(ruleOf({}, { champion: 0.2 })).to.deep.equal({ rule: 'champion', comparedScore: 0.2 });
    expect(ruleOf({})).to.deep.equal({ rule: 'champion', comparedScore: null });
    expect(ruleOf({}, { champion: 0.4, ofHotkey: 0.2 })).to.deep.equal({ rule: 'paid', comparedScore: 0.2 });
    expect(ruleOf({}, beaten, 0.19)).to.deep.equal({ rule: 'sample', comparedScore: null });
    expect(ruleOf({}, beaten, 0.2)).to.equal(null);
  });

  it('pays no attention to what is no better than the baseline, the referee’s own or policy’s', () => {
    const worse = { ...confirmed, bitsPerByte: 3.1 };
    expect(ruleOf({}, { champion: 0.4 }, 0.5, worse)).to.equal(null);
    expect(ruleOf({ baselineBpb: 2.5 }, { champion: 0.4 })).to.equal(null);
    expect(ruleOf({ baselineBpb: 2.7 }, { champion: 0.4 })).to.deep.include({ rule: 'paid' });
  });

  it('asks for less in a lesser mode, for everything in the last', () => {
    expect(ruleOf({ mode: 'off' }, {}, 0)).to.equal(null);
    expect(ruleOf({ mode: 'sample' }, {}, 0.1)).to.deep.include({ rule: 'sample' });
    expect(ruleOf({ mode: 'sample' })).to.equal(null);
    expect(ruleOf({ mode: 'champions' }, { champion: 0.4 })).to.equal(null);
    expect(ruleOf({ mode: 'all' }, { champion: 0.4, ofHotkey: 0.4 })).to.deep.include({ rule: 'all' });
  });

  it('draws whatever has no blind estimate: a few giant batches would be worth what they claim', () => {
    const unbounded = { ...confirmed, blindBpb: null };
    expect(ruleOf({ mode: 'sample' }, {}, 0.9, unbounded)).to.deep.equal({ rule: 'sample', comparedScore: null });
    expect(ruleOf({ mode: 'champions' }, { champion: 0.4 }, 0.9, unbounded)).to.deep.include({ rule: 'sample' });
    expect(ruleOf({ mode: 'off' }, {}, 0.9, unbounded)).to.equal(null);
  });

  it('never repeats what is worth nothing', () => {
    expect(ruleOf({ mode: 'all' }, {}, 0, { ...confirmed, finalScore: 0 })).to.equal(null);
  });
});
