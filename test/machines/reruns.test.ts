import { expect } from 'chai';
import type { PolicyDraft } from '../../domain/policy/policy.ts';
import type { EventLog } from '../../domain/ports/event-log.ts';
import { slotStream } from '../../domain/slot/events.ts';
import { memoryEventLog } from '../../storage/memory-event-log.ts';
import { completedOutcome, crashOutcome, instant, measurement, ourFault } from '../domain/submission-examples.ts';
import { prepare, runToTheEnd, startWorld, stream, typesIn, type World } from './world.ts';

const every = (beforePublication: boolean): PolicyDraft => ({
  integrity: { reruns: { mode: 'all', beforePublication } },
});

const attempt = ['AttemptStarted', 'AttemptCompleted', 'RunConcluded'];
const publication = ['ScoreComputed', 'AttributionDecided', 'SubmissionCompleted'];

describe('A rerun', () => {
  const worlds: World[] = [];
  const start = async (draft: PolicyDraft) => {
    const log = memoryEventLog();
    await prepare(log, ['gpu0'], draft);
    const world = startWorld(log, { seconds: 0 });
    worlds.push(world);
    return { log, world };
  };
  afterEach(async () => {
    await Promise.all(worlds.splice(0).map(({ manager }) => manager.close()));
  });
  const sinceFirstRun = async (log: EventLog) =>
    (await typesIn(log)).slice((await typesIn(log)).indexOf('RunRequested'));

  /** Steps and executes until the score run is over and the rerun has its slot. */
  async function untilRerunLeased(world: World): Promise<void> {
    for (let round = 0; round < 20; round += 1) {
      while (await world.step());
      const { state } = await world.slots.load(slotStream('host', 'gpu0'));
      const lease = state.kind === 'registered' ? state.lease : null;
      if (lease?.run === 'rerun') return;
      await world.execute(completedOutcome);
    }
    throw new Error('the rerun never got a slot');
  }

  it('that policy wants first holds the publication back until it is over', async () => {
    const { log, world } = await start(every(true));
    await runToTheEnd(world);
    expect(await sinceFirstRun(log)).to.deep.equal([
      ...['RunRequested', ...attempt],
      ...['RunRequested', ...attempt],
      ...publication,
    ]);
    expect(world.faults).to.deep.equal([]);
    const { state } = await world.submissions.load(stream);
    expect(state.phase === 'completed' && state.score.confirmation).to.equal('confirmed');
  });

  it('that policy wants afterwards corrects what was published', async () => {
    const { log, world } = await start(every(false));
    await untilRerunLeased(world);
    await runToTheEnd(world);
    expect(await sinceFirstRun(log)).to.deep.equal([
      ...['RunRequested', ...attempt],
      ...publication,
      ...['RunRequested', ...attempt],
      'ScoreRecomputed',
    ]);
  });

  it('is leased for its own time, not for policy’s', async () => {
    const { log, world } = await start(every(true));
    await untilRerunLeased(world);
    const grants = (await log.readStream(slotStream('host', 'gpu0'))).filter(
      ({ envelope }) => envelope.type === 'LeaseGranted',
    );
    // The run: 90 batches, 23 decoys, 100 s. The rerun: a decoy a batch.
    const budgetSeconds = Math.ceil((2 * 100 * 2) / (1 + 23 / measurement.batches));
    expect(grants.map(({ envelope }) => envelope.data.deadlineAt)).to.deep.equal([
      instant(1_800 + 180),
      instant(1_800 - 1_200 + budgetSeconds + 180),
    ]);
  });

  it('that ends on ours is tried again, and after the last time the score stays unconfirmed', async () => {
    // The third in a row would close the slot.
    const { log, world } = await start({ ...every(true), attemptsPerRun: 2 });
    for (let attempts = 0; attempts < 2; attempts += 1) {
      await untilRerunLeased(world);
      await world.execute(ourFault);
    }
    await runToTheEnd(world);
    const types = await sinceFirstRun(log);
    expect(types.filter((type) => type === 'AttemptAborted')).to.have.length(2);
    expect(types.slice(-4)).to.deep.equal(['RunConcluded', ...publication]);
    const { state } = await world.submissions.load(stream);
    expect(state.phase === 'completed' && state.score.confirmation).to.equal('unconfirmed');
  });

  it('that ends on the contestant’s side parks the submission', async () => {
    const { log, world } = await start(every(true));
    await untilRerunLeased(world);
    await world.execute(crashOutcome);
    while (await world.step());
    expect((await typesIn(log)).slice(-3)).to.deep.equal(['AttemptFailed', 'RunConcluded', 'SubmissionHeld']);
  });
});
