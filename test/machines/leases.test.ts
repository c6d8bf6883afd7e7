import { expect } from 'chai';
import { toDomainEvent } from '../../domain/event-catalog.ts';
import { commandHandler } from '../../domain/handle-command.ts';
import type { EventLog } from '../../domain/ports/event-log.ts';
import { attemptEnded, slotStream } from '../../domain/slot/events.ts';
import { type SlotCommand, slotAggregate } from '../../domain/slot/slot.ts';
import { submissionStream } from '../../domain/submission/events.ts';
import { memoryEventLog } from '../../storage/memory-event-log.ts';
import {
  completedOutcome,
  crashOutcome,
  instant,
  ourFault,
  owner,
  queued,
  receipt,
  runRequested,
} from '../domain/submission-examples.ts';
import { happen, submissionOf } from '../projections/fixtures.ts';
import { prepare, runToTheEnd, startWorld, stream, typesIn, type World } from './world.ts';

const slot = slotStream('host', 'gpu0');

describe('Leases', () => {
  const worlds: World[] = [];
  const start = (log: EventLog, clock = { seconds: 0 }) => {
    const world = startWorld(log, clock);
    worlds.push(world);
    return world;
  };
  afterEach(async () => {
    await Promise.all(worlds.splice(0).map(({ manager }) => manager.close()));
  });

  /** Past the gates, its run waiting, the slot leased. */
  async function leased(devices?: readonly string[], before: (log: EventLog) => Promise<void> = async () => {}) {
    const log = memoryEventLog();
    await prepare(log, devices);
    await before(log);
    const clock = { seconds: 0 };
    const world = start(log, clock);
    while (await world.step());
    return { log, clock, world };
  }

  it('are granted once to a run that waits, on one slot of several', async () => {
    const { log } = await leased(['gpu0', 'gpu1', 'gpu2']);
    const grants = (await log.readAll(0, 1_000)).filter(({ envelope }) => envelope.type === 'LeaseGranted');
    expect(grants.map(({ envelope }) => envelope.data)).to.deep.equal([
      { submissionId: receipt.submissionId, run: 'score', attempt: 1, fencingToken: 1, deadlineAt: instant(1_980) },
    ]);
  });

  it('of a dead executor end: first its attempt is aborted, then the slot is freed, then the next attempt gets it', async () => {
    const { log, clock, world } = await leased();
    await world.execute('dies');
    const head = await log.head();
    clock.seconds = 1_979;
    expect(await world.step()).to.equal(false);
    clock.seconds = 1_980;
    expect(await world.step()).to.equal(true);
    const news = await log.readAll(head, 10);
    expect(news.map(({ envelope }) => envelope.type).slice(0, 2)).to.deep.equal(['AttemptAborted', 'LeaseExpired']);
    while (await world.step());
    const grant = (await log.readStream(slot)).at(-1);
    expect(grant?.envelope.data).to.include({ attempt: 2, fencingToken: 2 });
    await runToTheEnd(world);
    expect((await typesIn(log)).at(-1)).to.equal('SubmissionCompleted');
  });

  it('that expired are freed by the next process where this one dies after it aborted their attempt', async () => {
    const { log, clock, world } = await leased();
    await world.execute('dies');
    clock.seconds = 1_980;
    const deadly: EventLog = {
      ...log,
      append: async (name, ...rest) => {
        if (name === slot) throw new Error('killed');
        return log.append(name, ...rest);
      },
    };
    const dying = start(deadly, clock);
    await dying.step();
    expect(dying.faults).to.have.length.greaterThan(0);
    expect((await typesIn(log)).at(-1)).to.equal('AttemptAborted');
    expect((await typesIn(log, slot)).at(-1)).to.equal('LeaseGranted');

    const next = start(log, clock);
    await next.step();
    expect((await typesIn(log)).filter((type) => type === 'AttemptAborted')).to.have.length(1);
    expect((await typesIn(log, slot)).filter((type) => type === 'LeaseExpired')).to.have.length(1);
  });

  it('that expired before their attempt began cost no attempt', async () => {
    const { log, clock, world } = await leased();
    clock.seconds = 1_980;
    while (await world.step());
    expect(await typesIn(log)).not.to.include('AttemptAborted');
    const grant = (await log.readStream(slot)).at(-1);
    expect(grant?.envelope.data).to.include({ attempt: 1, fencingToken: 2 });
  });

  it('run out three times: then the submission has failed by our fault, and no slot is leased for it', async () => {
    const { log, clock, world } = await leased();
    for (let attempt = 1; attempt <= 3; attempt += 1) {
      await world.execute('dies');
      clock.seconds += 2_000;
      while (await world.step());
    }
    const last = (await log.readStream(stream)).at(-1);
    expect(last?.envelope).to.deep.include({ type: 'SubmissionFailed' });
    expect(last?.envelope.data).to.include({ reason: 'attemptsExhausted' });
    // Whether it is the slot's fault another submission will tell.
    expect((await typesIn(log, slot)).at(-1)).to.equal('LeaseExpired');
  });

  it('of a run go to another slot than the one that has just failed it, though that one is free first', async () => {
    const { log, world } = await leased(['gpu0', 'gpu1']);
    await world.execute(ourFault, 'gpu0');
    while (await world.step());
    const grant = (await log.readStream(slotStream('host', 'gpu1'))).at(-1);
    expect(grant?.envelope.data).to.include({ submissionId: receipt.submissionId, attempt: 2 });
    await world.execute(ourFault, 'gpu1');
    while (await world.step());
    expect((await log.readStream(slot)).at(-1)?.envelope.data).to.include({ attempt: 3 });
  });

  it('wait for a busy slot rather than for the one that has just failed their run', async () => {
    const { log, world } = await leased(['gpu0', 'gpu1']);
    const busy = {
      kind: 'GrantLease',
      submissionId: 's2',
      run: 'score',
      attempt: 1,
      deadlineAt: instant(1_000),
    } as const;
    const context = { causeId: 'busy', correlationId: 's2', at: instant(0) };
    await world.slots.handle(slotStream('host', 'gpu1'), busy, context);
    await world.execute(ourFault, 'gpu0');
    while (await world.step());
    expect((await typesIn(log, slot)).at(-1)).to.equal('LeaseReleased');
  });

  it('of a slot that has just failed a submission go to another one first, and then to the first again', async () => {
    const other = [...queued, runRequested('score', 'score')];
    for (const [outcome, turns] of [
      [ourFault, ['other', receipt.submissionId, 'other']],
      [completedOutcome, ['other', receipt.submissionId, 'other', 'other']],
    ] as const) {
      const { log, world } = await leased(['gpu0'], (empty) =>
        happen(empty, submissionOf('other', other)).then(() => {}),
      );
      await world.execute(ourFault);
      while (await world.step());
      await world.execute(outcome);
      for (let attempt = 2; attempt <= 3; attempt += 1) {
        while (await world.step());
        await world.execute(ourFault);
      }
      const grants = (await log.readStream(slot)).filter(({ envelope }) => envelope.type === 'LeaseGranted');
      expect(grants.map(({ envelope }) => envelope.data.submissionId)).to.deep.equal(turns);
      // The third fault in a row, which two submissions share, has closed the slot and cost no attempt.
      expect((await typesIn(log, slot)).includes('SlotQuarantined')).to.equal(outcome === ourFault);
      expect((await typesIn(log, submissionStream('other'))).includes('SubmissionFailed')).to.equal(
        outcome !== ourFault,
      );
    }
  });

  it('of one submission alone close no slot: after as many faults of ours as a run has attempts it has failed', async () => {
    const { log, world } = await leased();
    for (let attempt = 1; attempt <= 3; attempt += 1) {
      await world.execute(ourFault);
      while (await world.step());
    }
    expect((await log.readStream(stream)).at(-1)?.envelope.data).to.include({ reason: 'attemptsExhausted' });
    expect(await typesIn(log, slot)).not.to.include('SlotQuarantined');
  });

  it('end on a slot that fails one after the other: it is closed, and the run waits for one that works', async () => {
    for (const [fault, times] of [
      [ourFault, 2],
      [{ ...ourFault, reason: 'deviceLost' }, 1],
    ] as const) {
      const { log, world } = await leased(['gpu0'], failAnother);
      for (let attempt = 1; attempt <= 5; attempt += 1) {
        await world.execute(fault);
        while (await world.step());
      }
      expect((await typesIn(log)).filter((type) => type === 'AttemptAborted')).to.have.length(times);
      expect((await typesIn(log)).at(-1)).to.equal('AttemptAborted');
      expect((await typesIn(log, slot)).slice(-2)).to.deep.equal(['SlotQuarantined', 'LeaseReleased']);
      expect(world.dueWork.waitingRuns(9)).to.have.length(1);

      const restore = { kind: 'RestoreSlot', operator: 'olga', reason: 'mended' } as const;
      await world.slots.handle(slot, restore, { causeId: 'restore', correlationId: slot, at: instant(0) });
      for (let attempt = 1; attempt <= 2; attempt += 1) {
        while (await world.step());
        await world.execute(ourFault);
      }
      await runToTheEnd(world);
      expect((await typesIn(log)).at(-1)).to.equal('SubmissionCompleted');
    }
  });

  it('are freed by an attempt that failed, and by one whose submission was withdrawn meanwhile', async () => {
    const failed = await leased();
    await failed.world.execute(crashOutcome);
    expect((await typesIn(failed.log)).at(-1)).to.equal('SubmissionFailed');
    expect((await typesIn(failed.log, slot)).at(-1)).to.equal('LeaseReleased');

    const withdrawn = await leased();
    const context = { causeId: 'withdraw', correlationId: receipt.submissionId, at: instant(0) };
    await withdrawn.world.submissions.handle(stream, { kind: 'Withdraw', hotkey: owner }, context);
    await withdrawn.world.execute(completedOutcome);
    expect(await typesIn(withdrawn.log)).not.to.include('AttemptStarted');
    expect((await typesIn(withdrawn.log, slot)).at(-1)).to.equal('LeaseReleased');
  });

  it('are not granted to a submission that has ended, though an old projection still offers its run', async () => {
    const log = memoryEventLog();
    await prepare(log, []);
    const world = start(log);
    while (await world.step());
    const context = { causeId: 'later', correlationId: receipt.submissionId, at: instant(0) };
    const gpu = { executor: 'host', device: 'gpu0', deviceClass: 'gpu', cpuset: '0', memoryBytes: 1 } as const;
    await world.slots.handle(slot, { kind: 'RegisterSlot', slot: gpu }, context);
    await world.dueWork.catchUp();
    await world.submissions.handle(stream, { kind: 'Withdraw', hotkey: owner }, { ...context, causeId: 'withdraw' });
    expect(world.dueWork.waitingRuns(1)).to.have.length(1);
    await world.manager.step();
    expect(await typesIn(log, slot)).to.deep.equal(['SlotRegistered']);
  });

  it('granted twice for one attempt end well: one slot runs it, the other one’s expiry leaves it alone', async () => {
    const { log, clock, world } = await leased(['gpu0', 'gpu1']);
    await grantToo(log, world);
    await world.execute('dies', 'gpu0');
    clock.seconds = 200;
    await world.step();
    expect((await typesIn(log)).at(-1)).to.equal('AttemptStarted');
    expect((await typesIn(log, slotStream('host', 'gpu1'))).at(-1)).to.equal('LeaseExpired');
  });

  it('are not granted on a slot of a device class that policy doesn’t score', async () => {
    const log = memoryEventLog();
    await prepare(log, []);
    const world = start(log);
    const cpu = { executor: 'host', device: 'cpu0', deviceClass: 'cpu', cpuset: '0', memoryBytes: 1 } as const;
    const context = { causeId: 'cpu', correlationId: 'test', at: instant(0) };
    await world.slots.handle(slotStream('host', 'cpu0'), { kind: 'RegisterSlot', slot: cpu }, context);
    while (await world.step());
    expect(await typesIn(log, slotStream('host', 'cpu0'))).to.deep.equal(['SlotRegistered']);
  });

  it('of one slot that can’t be read keep no other slot from its work', async () => {
    const { log, clock, world } = await leased(['gpu0', 'gpu1']);
    await grantToo(log, world);
    clock.seconds = 1_980;
    const broken: EventLog = {
      ...log,
      readStream: async (name, ...rest) => {
        if (name === slot) throw new Error('unreadable');
        return log.readStream(name, ...rest);
      },
    };
    const other = start(broken, clock);
    await other.step();
    expect(other.faults.map(String)).to.include('Error: unreadable');
    expect(await typesIn(log, slotStream('host', 'gpu1'))).to.include('LeaseExpired');
  });
});

/** On `gpu0` a run of another submission has ended by our fault. */
async function failAnother(log: EventLog): Promise<void> {
  const slots = commandHandler(log, slotAggregate);
  const lease = { submissionId: 's2', run: 'score', attempt: 1, deadlineAt: instant(100) };
  const commands: readonly SlotCommand[] = [
    { kind: 'GrantLease', ...lease },
    { kind: 'ReportFault', fencingToken: 1, reason: ourFault.reason, message: ourFault.message },
    { kind: 'ReleaseLease', fencingToken: 1, reason: attemptEnded },
  ];
  for (const command of commands) {
    await slots.handle(slot, command, { causeId: command.kind, correlationId: 's2', at: instant(0) });
  }
}

/** A second grant of the same attempt on `gpu1`, as two process managers with old projections may give it. */
async function grantToo(log: EventLog, world: World): Promise<void> {
  const context = { causeId: 'race', correlationId: receipt.submissionId, at: instant(0) };
  const last = (await log.readStream(slot)).at(-1);
  const grant = last === undefined ? undefined : toDomainEvent(last.envelope);
  if (grant?.type !== 'LeaseGranted') throw new Error('gpu0 holds no lease');
  const { submissionId, run, attempt } = grant.data;
  const twice = { kind: 'GrantLease', submissionId, run, attempt, deadlineAt: instant(100) } as const;
  await world.slots.handle(slotStream('host', 'gpu1'), twice, context);
}
