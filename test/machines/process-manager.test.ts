import { join } from 'node:path';
import { expect } from 'chai';
import type { EventLog } from '../../domain/ports/event-log.ts';
import { memoryEventLog } from '../../storage/memory-event-log.ts';
import { openSqliteEventLog } from '../../storage/sqlite-event-log.ts';
import { completedOutcome, hold, instant, receipt } from '../domain/submission-examples.ts';
import { withFolder } from '../storage/fixtures.ts';
import {
  type Gates,
  passing,
  prepare,
  runToTheEnd,
  startWorld,
  storyOf,
  stream,
  typesIn,
  type World,
} from './world.ts';

const life = [
  'SubmissionReceived',
  'ContractResolved',
  ...Array.from({ length: 5 }, () => 'GateSkipped'),
  'RunRequested',
  'AttemptStarted',
  'AttemptCompleted',
  'RunConcluded',
  'ScoreComputed',
  'AttributionDecided',
  'SubmissionCompleted',
];

describe('The process manager', () => {
  const worlds: World[] = [];
  const start = (log: EventLog, clock = { seconds: 0 }, gates: Gates = passing) => {
    const world = startWorld(log, clock, gates);
    worlds.push(world);
    return world;
  };
  afterEach(async () => {
    await Promise.all(worlds.splice(0).map(({ manager }) => manager.close()));
  });

  it('brings a submission from its receipt to its score, and skips every gate that isn’t built', async () => {
    const log = memoryEventLog();
    await prepare(log);
    const world = start(log);
    await runToTheEnd(world);
    expect(await typesIn(log)).to.deep.equal(life);
    expect(world.faults).to.deep.equal([]);
  });

  it('does everything by itself once it is woken', async () => {
    const log = memoryEventLog();
    await prepare(log);
    const world = start(log);
    await world.dueWork.catchUp();
    world.manager.wake();
    await world.manager.close();
    expect((await typesIn(log)).slice(0, 2)).to.deep.equal(['SubmissionReceived', 'ContractResolved']);
  });

  it('gives the same events wherever it is killed, before or after an append', async () => {
    const undisturbed = memoryEventLog();
    await prepare(undisturbed);
    const before = await undisturbed.head();
    await runToTheEnd(start(undisturbed));
    const story = await storyOf(undisturbed);
    const appends = (await undisturbed.head()) - before;

    for (let appended = 0; appended < appends; appended += 1) {
      for (const isStored of [false, true]) {
        const log = memoryEventLog();
        await prepare(log);
        const doomed = start(killedAt(log, appended, isStored));
        await runToTheEnd(doomed).catch(() => {});
        await runToTheEnd(start(log));
        expect(await storyOf(log), `killed at append ${appended}, stored: ${isStored}`).to.deep.equal(story);
      }
    }
  });

  const sharedLogs: Readonly<
    Record<string, (use: (first: EventLog, second: EventLog) => Promise<void>) => Promise<void>>
  > = {
    'one log in memory': async (use) => {
      const log = memoryEventLog();
      await use(log, log);
    },
    'one file, over a connection each': (use) =>
      withFolder(async (folder) => {
        const path = join(folder, 'events.sqlite');
        const logs = [openSqliteEventLog({ path }), openSqliteEventLog({ path })] as const;
        await use(...logs);
        await Promise.all(logs.map((log) => log.close()));
      }),
  };
  for (const [what, withLogs] of Object.entries(sharedLogs)) {
    it(`does the work once where two of them look after ${what}`, () =>
      withLogs(async (log, other) => {
        await prepare(log);
        const [first, second] = [start(log), start(other)];
        for (let round = 0; round < 20; round += 1) {
          await Promise.all([first.step(), second.step()]);
          await Promise.all([first.execute(completedOutcome), second.execute(completedOutcome)]);
        }
        expect(await typesIn(log)).to.deep.equal(life);
        expect(await typesIn(log, 'slot-host-gpu0')).to.deep.equal(['SlotRegistered', 'LeaseGranted', 'LeaseReleased']);
        expect([...first.faults, ...second.faults]).to.deep.equal([]);
        await Promise.all([first.manager.close(), second.manager.close()]);
      }));
  }

  it('fires the deadline of a hold that nobody decided', async () => {
    const log = memoryEventLog();
    await prepare(log);
    const clock = { seconds: 0 };
    const world = start(log, clock);
    const context = { causeId: 'hold', correlationId: receipt.submissionId, at: instant(0) };
    await world.submissions.handle(stream, hold('h1', 'operator'), context);
    clock.seconds = 86_399;
    expect(await world.step()).to.equal(false);
    clock.seconds = 86_400;
    expect(await world.step()).to.equal(true);
    expect((await typesIn(log)).at(-1)).to.equal('HoldExpired');
  });

  it('reads and appends nothing where nothing is due', async () => {
    const log = memoryEventLog();
    await prepare(log);
    await runToTheEnd(start(log));
    const calls: string[] = [];
    const watched: EventLog = {
      ...log,
      append: (...args) => {
        calls.push('append');
        return log.append(...args);
      },
      readStream: (...args) => {
        calls.push('readStream');
        return log.readStream(...args);
      },
    };
    const world = start(watched);
    expect(await world.step()).to.equal(false);
    expect(calls).to.deep.equal([]);
  });
});

/** A log whose process dies at its append number `last` (from 0), right before it is stored or right after. */
function killedAt(log: EventLog, last: number, isStored: boolean): EventLog {
  let appended = 0;
  return {
    ...log,
    async append(...append) {
      const isLast = appended === last;
      if (appended > last || (isLast && !isStored)) {
        appended += 1;
        throw new Error('killed');
      }
      appended += 1;
      const result = await log.append(...append);
      if (isLast) throw new Error('killed');
      return result;
    },
  };
}
