import { expect } from 'chai';
import { policySchema } from '../../domain/policy/policy.ts';
import { heldOutEffort } from '../../domain/submission/held-out-effort.ts';
import { examination, measurement } from './submission-examples.ts';

const policy = policySchema.parse({});
const { heldOut, limits } = policy;

/** A run of rows of `rowTokens` bytes that were asked `tokensPerSecond`, decoys included, all the time that policy gives. */
function run(tokensPerSecond: number, rowTokens = 512) {
  const seconds = limits.budgetSeconds;
  const predictedTokens = (tokensPerSecond * seconds) / (1 + examination.frames / measurement.batches);
  return { measurement: { ...measurement, seconds, predictedTokens, longestRowBytes: rowTokens }, examination };
}

/** Tokens of the frames that the referee puts to the witness (gpu-runner/PROTOCOL.md §9), where every byte is one. */
function witnessed(cuts: number, rowTokens: number): number {
  const rows = heldOut.valBytes / rowTokens;
  return (Math.ceil(cuts / rows) + 1) * heldOut.valBytes;
}

describe('What a held-out contestant is asked', () => {
  it('is policy’s, in policy’s time, of a model that is quick enough', () => {
    expect(heldOutEffort(run(100_000), policy)).to.deep.equal({ budgetSeconds: 600, cuts: 4_096 });
    expect(heldOutEffort(run(2_000, 16), policy)).to.deep.equal({ budgetSeconds: 600, cuts: 4_096 });
  });

  it('can be answered twice over at the pace that was good enough for the run, by long rows and by short ones', () => {
    for (const tokensPerSecond of [60, 100, 500, 1_000, 2_000, 5_000, 10_000]) {
      for (const rowTokens of [16, 128, 512]) {
        const { budgetSeconds, cuts } = heldOutEffort(run(tokensPerSecond, rowTokens), policy);
        const needed = witnessed(cuts, rowTokens) / tokensPerSecond;
        expect(budgetSeconds / needed, `${tokensPerSecond} a second, ${rowTokens} a row`).to.be.at.least(2);
      }
    }
  });

  it('takes longer for a slow model, and fewer cuts only beyond four times a run’s own time', () => {
    const slow = heldOutEffort(run(2_000), policy);
    expect(slow.cuts).to.equal(4_096);
    expect(slow.budgetSeconds).to.equal(Math.ceil((2 * (4_096 * 512 + 2 * 65_536)) / 2_000));
    const slower = heldOutEffort(run(500), policy);
    expect(slower.budgetSeconds).to.equal(4 * 1_200);
    expect(slower.cuts).to.equal(Math.floor((4_800 / (2 / 500) - 2 * 65_536) / 512));
    expect(heldOutEffort(run(1), policy)).to.deep.equal({ budgetSeconds: 4_800, cuts: 1 });
  });

  it('goes by policy’s whole budget where the run didn’t say how long it took', () => {
    const silent = { ...run(2_000), measurement: { ...run(2_000).measurement, seconds: null } };
    expect(heldOutEffort(silent, policy)).to.deep.equal(heldOutEffort(run(2_000), policy));
  });

  it('is never given less time than policy says, whatever a run may take', () => {
    const generous = policySchema.parse({ heldOut: { budgetSeconds: 9_000 } });
    expect(heldOutEffort(run(400), generous).budgetSeconds).to.equal(9_000);
  });
});
