import { expect } from 'chai';
import { toDomainEvent } from '../../domain/event-catalog.ts';
import type { EventLog } from '../../domain/ports/event-log.ts';
import { submissionStream } from '../../domain/submission/events.ts';
import { memoryEventLog } from '../../storage/memory-event-log.ts';
import {
  comparison,
  contract,
  finding,
  hold,
  instant,
  likeness,
  queued,
  receipt,
  withoutReruns,
} from '../domain/submission-examples.ts';
import { happen, submissionOf } from '../projections/fixtures.ts';
import { type Gates, passing, prepare, runToTheEnd, startWorld, stream, typesIn, type World } from './world.ts';

const resolution = { kind: 'resolved', gateVersion: '1' } as const;
const halfCharacter = { ...contract, architectureId: '\ud800' };

class InspectorUnavailableError extends Error {
  override readonly name = 'InspectorUnavailableError';
}

describe('The process manager at a gate', () => {
  const worlds: World[] = [];
  const start = (log: EventLog, clock = { seconds: 0 }, gates: Gates = passing) => {
    const world = startWorld(log, clock, gates);
    worlds.push(world);
    return world;
  };
  afterEach(async () => {
    await Promise.all(worlds.splice(0).map(({ manager }) => manager.close()));
  });

  it('puts a gate that can’t answer off by growing delays, and never rejects for it', async () => {
    const log = memoryEventLog();
    await prepare(log);
    const clock = { seconds: 0 };
    const failing: Gates = { contract: () => Promise.reject(new InspectorUnavailableError('down')) };
    const world = start(log, clock, failing);
    for (let seconds = 0; seconds <= 3_000; seconds += 1) {
      clock.seconds = seconds;
      await world.step();
    }
    const deferrals = (await log.readStream(stream)).slice(1).map(({ envelope }) => toDomainEvent(envelope));
    const delays: number[] = [];
    let last = 0;
    for (const { type, data } of deferrals) {
      if (type !== 'GateDeferred') return expect.fail(type);
      expect(data).to.include({ gate: 'contract', reason: 'inspectorUnavailable', deferral: delays.length + 1 });
      const retry = (Date.parse(data.retryAt) - Date.parse(instant(0))) / 1_000;
      delays.push(retry - last);
      last = retry;
    }
    expect(delays).to.deep.equal([2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600, 600, 600]);
    expect(world.faults).to.have.length(delays.length);

    clock.seconds = last;
    await start(log, clock).step();
    expect((await typesIn(log)).at(-1)).to.equal('ContractResolved');
  });

  it('asks no gate before its time, though an old projection lists it', async () => {
    const log = memoryEventLog();
    await prepare(log);
    let asked = 0;
    const failing: Gates = {
      contract: () => {
        asked += 1;
        return Promise.reject(new InspectorUnavailableError('down'));
      },
    };
    await start(log, { seconds: 0 }, failing).step();
    const hasty = start(log, { seconds: 1 }, failing);
    await hasty.dueWork.catchUp();
    hasty.dueWork.submissions = () => [receipt.submissionId];
    expect(await hasty.manager.step()).to.equal(false);
    expect(asked).to.equal(1);
  });

  it('rejects what a gate finds fault with, and looks at it no more', async () => {
    const log = memoryEventLog();
    await prepare(log);
    const gates: Gates = {
      contract: async () => ({ kind: 'failed', gateVersion: '1', findings: [finding], evidence: null }),
    };
    const world = start(log, { seconds: 0 }, gates);
    await runToTheEnd(world);
    expect(await typesIn(log)).to.deep.equal(['SubmissionReceived', 'GateFailed', 'SubmissionRejected']);
  });

  const unrecordable: readonly (readonly [string, Gates, string])[] = [
    ['the submission refuses', { contract: async () => ({ kind: 'skipped', reason: 'by mistake' }) }, 'refusedWork'],
    ['the log can’t hold', { contract: async () => ({ ...resolution, contract: halfCharacter }) }, 'notCanonical'],
  ];
  for (const [what, gates, reason] of unrecordable) {
    it(`reports a verdict that ${what}, and puts the gate off`, async () => {
      const log = memoryEventLog();
      await prepare(log);
      const world = start(log, { seconds: 0 }, gates);
      await world.step();
      const last = (await log.readStream(stream)).at(-1);
      expect(last?.envelope.type).to.equal('GateDeferred');
      expect(last?.envelope.data).to.include({ reason, retryAt: instant(2) });
      expect(world.faults).to.have.length(1);
    });
  }

  it('puts the duplicate gate off where a copy can’t be told, and passes the original once it can', async () => {
    const log = memoryEventLog();
    await prepare(log, ['gpu0'], { ...withoutReruns, gates: { static: 'off', parameters: 'off', distributed: 'off' } });
    const copies = [{ ...likeness, submissionId: 'copy', received: 'later' as const }];
    const gates: Gates = {
      ...passing,
      duplicate: async () => ({
        ...{ kind: 'passed', gateVersion: '1', findings: [], evidence: null, comparison: { ...comparison, copies } },
      }),
    };
    const clock = { seconds: 0 };
    const world = start(log, clock, gates);
    while (await world.step());
    const put = (await log.readStream(stream)).at(-1);
    expect(put?.envelope.type).to.equal('GateDeferred');
    expect(put?.envelope.data).to.include({ gate: 'duplicate', reason: 'refusedWork', retryAt: instant(2) });
    expect(await typesIn(log)).not.to.include('SourceCompared');
    expect(world.faults.map(String)).to.match(/submission-copy: RecordOriginal/);

    await happen(log, submissionOf('copy', queued));
    clock.seconds = 2;
    while (await world.step());
    expect(await typesIn(log)).to.include.members(['SourceCompared', 'GatePassed']);
    expect(await typesIn(log, submissionStream('copy'))).to.include.members(['OriginalFound', 'SubmissionHeld']);
  });

  it('skips a gate that policy switches off, and says under which policy', async () => {
    const log = memoryEventLog();
    await prepare(log, ['gpu0'], { ...withoutReruns, gates: { static: 'off', distributed: 'flag' } });
    const asked: string[] = [];
    const passes = (name: string) => async () => {
      asked.push(name);
      return { kind: 'passed', gateVersion: '1', evidence: null, findings: [finding] } as const;
    };
    const gates: Gates = { ...passing, static: passes('static'), distributed: passes('distributed') };
    await runToTheEnd(start(log, { seconds: 0 }, gates));
    expect(asked).to.deep.equal(['distributed']);
    const events = (await log.readStream(stream)).map(({ envelope }) => toDomainEvent(envelope));
    expect(events.find(({ type }) => type === 'GateSkipped')?.data).to.deep.equal({
      ...{ gate: 'static', reason: 'switched off in policy 1', policyVersion: 1 },
    });
    expect(events.find(({ type }) => type === 'GatePassed')?.data).to.deep.include({
      ...{ gate: 'distributed', findings: [finding] },
    });
  });

  it('takes back no verdict where a hold came while the gate was at work', async () => {
    const log = memoryEventLog();
    await prepare(log);
    const gates: Gates = {
      contract: async () => {
        const context = { causeId: 'hold', correlationId: receipt.submissionId, at: instant(0) };
        await world.submissions.handle(stream, hold('h1', 'operator'), context);
        return { kind: 'resolved', contract, gateVersion: '1' };
      },
    };
    const world = start(log, { seconds: 0 }, gates);
    await world.step();
    expect(await typesIn(log)).to.deep.equal(['SubmissionReceived', 'SubmissionHeld']);
    expect(world.faults).to.deep.equal([]);
  });
});
