import { expect } from 'chai';
import type { PolicyDraft } from '../../domain/policy/policy.ts';
import type { RunOutcome } from '../../domain/run.ts';
import { slotStream } from '../../domain/slot/events.ts';
import { memoryEventLog } from '../../storage/memory-event-log.ts';
import {
  crashOutcome,
  exportingOutcome,
  heldOutOutcome,
  instant,
  ourFault,
  withoutReruns,
} from '../domain/submission-examples.ts';
import { prepare, startWorld, stream, typesIn, type World } from './world.ts';

const small: PolicyDraft = { ...withoutReruns, heldOut: { budgetSeconds: 900 } };

describe('A held-out measure', () => {
  const worlds: World[] = [];
  const start = async (devices: readonly string[] = ['gpu0']) => {
    const log = memoryEventLog();
    await prepare(log, devices, small);
    const world = startWorld(log, { seconds: 0 });
    worlds.push(world);
    return { log, world };
  };
  afterEach(async () => {
    await Promise.all(worlds.splice(0).map(({ manager }) => manager.close()));
  });

  const leaseOf = async (world: World, device: string) => {
    const { state } = await world.slots.load(slotStream('host', device));
    return state.kind === 'registered' ? state.lease : null;
  };

  /** Steps until nothing is due, then does what the one slot was leased for; answers by the run's name. */
  async function work(world: World, outcomes: Readonly<Record<string, RunOutcome>>): Promise<void> {
    while (await world.step());
    const lease = await leaseOf(world, 'gpu0');
    const outcome = lease === null ? undefined : outcomes[lease.run];
    if (outcome === undefined) throw new Error(`nobody expected ${lease?.run}`);
    await world.execute(outcome);
  }
  const scoreOf = async (world: World) => {
    while (await world.step());
    const { state } = await world.submissions.load(stream);
    return state.phase === 'completed' ? state.score : expect.fail(state.phase);
  };
  const honest = {
    score: exportingOutcome,
    heldOut: heldOutOutcome('val'),
    heldOutTrain: heldOutOutcome('train'),
  };

  it('follows the score run, one slot after the other, and the score waits for both sides', async () => {
    const { log, world } = await start();
    for (let runs = 0; runs < 3; runs += 1) await work(world, honest);
    expect(await scoreOf(world)).to.include({ heldOut: 'measured', penalty: 1 });
    const types = await typesIn(log);
    expect(types.slice(types.indexOf('RunRequested'))).to.deep.equal([
      ...['RunRequested', 'AttemptStarted', 'AttemptCompleted', 'RunConcluded', 'RunRequested', 'RunRequested'],
      ...['AttemptStarted', 'HeldOutMeasured', 'RunConcluded', 'AttemptStarted', 'HeldOutMeasured', 'RunConcluded'],
      ...['ScoreComputed', 'AttributionDecided', 'SubmissionCompleted'],
    ]);
    expect(world.faults).to.deep.equal([]);
  });

  it('is leased for as many contestants as it has, each with its own time', async () => {
    const { log, world } = await start();
    for (let runs = 0; runs < 3; runs += 1) await work(world, honest);
    const grants = (await log.readStream(slotStream('host', 'gpu0'))).filter(
      ({ envelope }) => envelope.type === 'LeaseGranted',
    );
    const each = 1_800 - 1_200 + 900;
    expect(grants.map(({ envelope }) => [envelope.data.run, envelope.data.deadlineAt])).to.deep.equal([
      ['score', instant(1_800 + 180)],
      ['heldOut', instant(3 * each + 180)],
      ['heldOutTrain', instant(each + 180)],
    ]);
  });

  it('runs both sides at once where two slots are free', async () => {
    const { world } = await start(['gpu0', 'gpu1']);
    while (await world.step());
    await world.execute(exportingOutcome, 'gpu0');
    while (await world.step());
    const leases = [await leaseOf(world, 'gpu0'), await leaseOf(world, 'gpu1')];
    expect(leases.map((lease) => lease?.run).sort()).to.deep.equal(['heldOut', 'heldOutTrain']);
  });

  it('that crashes halves the score; one that we lose is tried again', async () => {
    const { log, world } = await start();
    await work(world, honest);
    await work(world, { heldOut: ourFault, heldOutTrain: ourFault });
    for (let runs = 0; runs < 2; runs += 1) await work(world, { ...honest, heldOut: crashOutcome });
    const score = await scoreOf(world);
    expect(score).to.include({ heldOut: 'failed', penalty: 0.5 });
    expect(score.tieBreak).to.be.lessThan(0);
    expect((await typesIn(log)).filter((type) => type === 'AttemptAborted')).to.have.length(1);
  });
});
