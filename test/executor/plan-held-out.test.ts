import { readFile } from 'node:fs/promises';
import { expect } from 'chai';
import type { RunOutcome } from '../../domain/run.ts';
import { launchCommands } from '../../executor/container-options.ts';
import { cutKeyOf } from '../../executor/cut-keys.ts';
import { type ExecutorParts, planAttempt } from '../../executor/plan-attempt.ts';
import { memoryBlobs } from '../../storage/memory-blobs.ts';
import { completedOutcome, recordOutcome, requestRun, startAttempt } from '../domain/submission-examples.ts';
import { fakeEngine } from './fake-engine.ts';
import { bundleFiles, device, executorName, leasedSubmissions } from './leased-submission.ts';
import { digestOf } from './run-examples.ts';

const plan = { device, deviceClass: 'cpu', cpuset: '0', memoryBytes: 8 * 2 ** 30 } as const;
const [train, val] = [digestOf('train'), digestOf('val')];
const fixture = (name: string) => readFile(`gpu-runner/fixtures/exported/${name}.json`);
const cutSecret = Buffer.from('cuts');

/** A submission whose score run left a state, as its referee wrote of it, and is to be measured on both sides. */
async function given() {
  const world = leasedSubmissions({ heldOut: { valBytes: 9_000, trainBytes: 8_000, budgetSeconds: 900 } });
  const { log, submissions, slots, policy } = world;
  const blobs = memoryBlobs();
  const [record, manifest] = await Promise.all([fixture('record'), fixture('manifest')]);
  const { stateDigest: sha256, export: exported } = JSON.parse(String(manifest));
  const state = { sha256, bytes: exported.bytes, keyId: null };
  const outcome: RunOutcome = {
    ...{ ...completedOutcome, state },
    ...{ record: await blobs.put(record), manifest: await blobs.put(manifest) },
  };
  await world.submit('s1');
  await world.tell('s1', startAttempt('score', 1));
  await world.tell('s1', recordOutcome('score', 1, outcome));
  const parts: ExecutorParts = {
    ...{ log, submissions, slots, blobs, engine: fakeEngine({}).engine, cutSecret, instance: 'test', runtime: null },
    ...{ readBundle: async () => bundleFiles, policyOf: () => policy, seasonSecret: Buffer.from('secret') },
    ...{ commands: launchCommands, hasLocalCgroups: false, now: () => new Date(), onProgress: () => {} },
    runner: {
      ...{ imageId: 'image', runnerDigest: digestOf('runner'), tokenizersDir: '/t', tokenizersDigest: digestOf('t') },
      ...{ dataDir: '/train', dataDigest: train, valDir: '/val', valDigest: val },
    },
    logger: { info() {}, warn() {}, error() {} },
    timings: { refereeSettleMs: 50, contestantSettleMs: 50, socketPollMs: 5, frameLookMs: 5 },
  };
  const place = { executor: executorName, stream: world.slot, plan };
  const planned = (run: string) => {
    const lease = { submissionId: 's1', run, attempt: 1, fencingToken: 2, deadlineAt: '2030-01-01T00:00:00.000Z' };
    return planAttempt(parts, place, { lease, grantedBy: 'an event' }, false);
  };
  const asked = async (run: string) => {
    await world.tell('s1', requestRun(run, 'heldOut'));
    const found = await planned(run);
    return found.kind === 'heldOut' ? found : expect.fail(found.kind);
  };
  return { asked, planned, exported, stateDigest: sha256, policy };
}

describe('the plan of a held-out attempt', () => {
  it('asks three contestants about val, which its referee has and nothing else', async () => {
    const { asked, exported, stateDigest, policy } = await given();
    const { spec, pair, state, supervision } = await asked('heldOut');
    expect(spec.heldOut).to.deep.equal({
      ...{ side: 'val', stateDigest, batchSize: exported.batchSize, seqLen: exported.seqLen, tokenBudget: 20_000 },
      ...{ bytes: 9_000, released: [], cuts: 4_096, equalityBoundMicroNats: 50_000, resamples: 1_000 },
      cutKey: Buffer.from(cutKeyOf(cutSecret, 's1', 'heldOut')).toString('hex'),
    });
    expect(pair).to.deep.include({ heldOutSeats: [0, 1, 2], dataDir: '/val' });
    expect(spec).to.include({ dataDigest: val, purpose: 'heldOut', exportState: false, seedAudit: false });
    const { budgetSeconds, timeoutSeconds } = policy.limits;
    expect(spec.limits).to.include({ budgetSeconds: 900, shownBudgetSeconds: budgetSeconds });
    expect(supervision.timeoutSeconds).to.equal(timeoutSeconds - budgetSeconds + 900);
    expect(state.bytes).to.equal(exported.bytes);
  });

  it('asks one contestant about what the run has released of train', async () => {
    const { asked, exported } = await given();
    const { spec, pair } = await asked('heldOutTrain');
    expect(spec.heldOut).to.deep.include({ side: 'train', bytes: 8_000, released: exported.released });
    expect(pair).to.deep.include({ heldOutSeats: [0], dataDir: '/train' });
    expect(spec.dataDigest).to.equal(train);
  });

  it('gives train to the run and its reruns, and asks both alike for their state', async () => {
    const { planned } = await given();
    const run = await planned('score');
    expect(run.pair).to.deep.include({ heldOutSeats: null, dataDir: '/train' });
    expect(run.spec).to.include({ dataDigest: train, exportState: true, seedAudit: true });
    expect(run).to.have.nested.property('keeper.mostBytes', run.spec.limits.maxStateBytes);
  });
});
