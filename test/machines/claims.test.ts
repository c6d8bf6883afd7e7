import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { claimStream } from '../../domain/claim/claim.ts';
import type { EventLog } from '../../domain/ports/event-log.ts';
import { memoryEventLog } from '../../storage/memory-event-log.ts';
import { openSqliteEventLog } from '../../storage/sqlite-event-log.ts';
import { completedOutcome, contract, instant, receipt } from '../domain/submission-examples.ts';
import { startCluster } from '../storage/kurrent-fixtures.ts';
import { type Clock, type Gates, prepare, startWorld, typesIn, type World } from './world.ts';

/** The log as each of two processes opens it. */
type TwoLogs = { readonly logs: readonly [EventLog, EventLog]; dispose(): Promise<void> };

const places: Readonly<Record<string, () => Promise<TwoLogs>>> = {
  'memory, one instance': async () => {
    const log = memoryEventLog();
    return { logs: [log, log], dispose: () => log.close() };
  },
  'one SQLite file': async () => {
    const folder = await mkdtemp(join(tmpdir(), 'prism-claims-'));
    const open = () => openSqliteEventLog({ path: join(folder, 'events.sqlite') });
    const logs = [open(), open()] as const;
    const dispose = async () => {
      for (const log of logs) await log.close();
      await rm(folder, { recursive: true });
    };
    return { logs, dispose };
  },
  'a cluster, over the loopback double': async () => {
    const cluster = await startCluster();
    return { logs: [cluster.open(), cluster.open()], dispose: cluster.stop };
  },
};

/** A gate that is slow enough for the other process to come by, and counts how often it is asked. */
function countingGates() {
  let asked = 0;
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  const gates: Gates = {
    contract: async () => {
      asked += 1;
      await opened;
      return { kind: 'resolved', contract, gateVersion: '1' };
    },
  };
  return { gates, asked: () => asked, open };
}

describe('Two process managers on one log', () => {
  for (const [place, open] of Object.entries(places)) {
    describe(place, () => {
      let logs: readonly [EventLog, EventLog];
      let dispose: () => Promise<void>;
      const worlds: World[] = [];
      beforeEach(async () => {
        ({ logs, dispose } = await open());
        await prepare(logs[0]);
      });
      afterEach(async () => {
        await Promise.all(worlds.splice(0).map(({ manager }) => manager.close()));
        await dispose();
      });

      function start(log: EventLog, owner: string, gates: Gates, clock: Clock = { seconds: 0 }): World {
        const world = startWorld(log, clock, gates, owner);
        worlds.push(world);
        return world;
      }

      it('ask a gate once, record everything once, and run one attempt', async () => {
        const counting = countingGates();
        const pair = [start(logs[0], 'one', counting.gates), start(logs[1], 'two', counting.gates)];
        const steps = pair.map((world) => world.step());
        expect(await Promise.race(steps)).to.equal(false);
        counting.open();
        await Promise.all(steps);
        for (let round = 0; round < 20; round += 1) {
          await Promise.all(pair.map((world) => world.step()));
          await Promise.all(pair.map((world) => world.execute(completedOutcome)));
        }
        expect(counting.asked()).to.equal(1);
        const types = await typesIn(logs[0]);
        expect(types.at(-1)).to.equal('SubmissionCompleted');
        const once = ['ContractResolved', 'RunRequested', 'AttemptStarted', 'AttemptCompleted', 'ScoreComputed'];
        for (const type of once) expect(types.filter((each) => each === type)).to.have.length(1);
        expect(await typesIn(logs[1], 'slot-host-gpu0')).to.deep.equal([
          ...['SlotRegistered', 'LeaseGranted', 'LeaseReleased'],
        ]);
        expect(pair.flatMap(({ faults }) => faults)).to.deep.equal([]);
      });

      it('leave work to its owner while he may be at it, and take it over when his time is over', async () => {
        const lost = countingGates();
        const clock = { seconds: 0 };
        void start(logs[0], 'one', lost.gates, clock).step();
        while (lost.asked() === 0) await new Promise((resolve) => setImmediate(resolve));
        const counting = countingGates();
        counting.open();
        const other = start(logs[1], 'two', counting.gates, clock);
        clock.seconds = 119;
        expect(await other.step()).to.equal(false);
        expect(counting.asked()).to.equal(0);
        clock.seconds = 120;
        expect(await other.step()).to.equal(true);
        expect(counting.asked()).to.equal(1);
        expect(await typesIn(logs[1])).to.include('ContractResolved');
        const claims = await logs[1].readStream(claimStream(receipt.submissionId));
        expect(claims.map(({ envelope }) => envelope.data)).to.deep.equal([
          { revision: 0, owner: 'one', until: instant(120) },
          { revision: 0, owner: 'two', until: instant(240) },
        ]);
        lost.open();
      });

      it('go on at once with what an earlier life of the same name had claimed', async () => {
        const lost = countingGates();
        void start(logs[0], 'one', lost.gates).step();
        while (lost.asked() === 0) await new Promise((resolve) => setImmediate(resolve));
        const counting = countingGates();
        counting.open();
        expect(await start(logs[1], 'one', counting.gates).step()).to.equal(true);
        expect(counting.asked()).to.equal(1);
        lost.open();
      });
    });
  }
});
