import { join } from 'node:path';
import { createInterface } from 'node:readline';
import Database from 'better-sqlite3';
import { expect } from 'chai';
import { blobsNamedIn } from '../../domain/blob-references.ts';
import type { RecordedEvent } from '../../domain/event.ts';
import { projections } from '../../projections/catalog.ts';
import { openProjectionDatabase } from '../../projections/database.ts';
import { ensureLive } from '../../projections/ensure-live.ts';
import { startProjector } from '../../projections/projector.ts';
import { openStorage, type Storage } from '../../storage/open-storage.ts';
import { completedOutcome } from '../domain/submission-examples.ts';
import { allLiveRows } from '../projections/fixtures.ts';
import { exitOf, startProgram } from '../storage/child-programs.ts';
import { range, withFolder } from '../storage/fixtures.ts';
import { everything } from '../storage/histories.ts';

const kills = process.env.PRISM_LONG === '1' ? 200 : 20;

/** One life of the writer, ended after so many acknowledgements. Returns the ids of the events that it acknowledged. */
async function lifeOf(dataDir: string, first: number, killAfter: number): Promise<readonly string[]> {
  const child = startProgram(new URL('programs/crash-writer.js', import.meta.url), dataDir, first);
  if (killAfter === 0) child.kill('SIGKILL');
  const acknowledged: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    // What was said before it died counts, also if it is read after. A line cut off by the kill has no id.
    const id = /^ack ([0-9a-f-]{36})$/.exec(line)?.[1];
    if (id !== undefined) acknowledged.push(id);
    if (acknowledged.length === killAfter) child.kill('SIGKILL');
  }
  await exitOf(child);
  expect(child.signalCode).to.equal('SIGKILL');
  return acknowledged;
}

describe('a writer and its projector, killed again and again', function () {
  this.timeout(kills * 10_000);
  const acknowledged = new Set<string>();

  it(`${kills} times at random moments: what it acknowledged is there, once, and the read models are those of a cold rebuild`, () =>
    withFolder(async (dataDir) => {
      let first = 1;
      for (let kill = 0; kill < kills; kill += 1) {
        const ids = await lifeOf(dataDir, first, Math.floor(Math.random() * 80));
        for (const id of ids) acknowledged.add(id);
        // Each life repeats the last submissions of the one before it, acknowledged or not: they must not be there twice.
        first = Math.max(1, Math.floor(acknowledged.size / 14) - 4);
      }
      const storage = await openStorage({ dataDir });
      await expectIntact(storage, acknowledged);
      await expectReadModels(storage, dataDir);
      await storage.close();
      const db = new Database(join(dataDir, 'events.sqlite'));
      expect(db.pragma('integrity_check', { simple: true })).to.equal('ok');
      db.close();
    }));
});

async function expectIntact({ log, blobs }: Storage, acknowledged: ReadonlySet<string>): Promise<void> {
  const all = await everything(log);
  const ids = new Set(all.map(({ envelope }) => envelope.id));
  expect(acknowledged.size).to.be.above(0);
  expect([...acknowledged].filter((id) => !ids.has(id))).to.deep.equal([]);
  expect(ids.size).to.equal(all.length);
  expect(all.map(({ position }) => position)).to.deep.equal(range(1, all.length));
  const last = new Map<string, number>();
  for (const { envelope, revision } of all) {
    expect(revision, envelope.stream).to.equal((last.get(envelope.stream) ?? -1) + 1);
    last.set(envelope.stream, revision);
  }
  // Four were in hand when the last life ended, and as many more may not have been taken up again yet.
  const completed = all.filter(({ envelope }) => envelope.type === 'SubmissionCompleted').length;
  expect(completed).to.be.within(last.size - 8, last.size);
  for (const sha256 of bundlesIn(all)) expect(await blobs.has(sha256)).to.equal(true);
}

/** What these attempts are said to have left was never stored. */
function bundlesIn(events: readonly RecordedEvent[]): readonly string[] {
  const invented = new Set(blobsNamedIn(completedOutcome).map(({ sha256 }) => sha256));
  const named = events.flatMap(({ envelope }) => blobsNamedIn(envelope.data));
  return named.map(({ sha256 }) => sha256).filter((sha256) => !invented.has(sha256));
}

/** What the killed projectors left, caught up, is what a projector makes of the log that never died. */
async function expectReadModels({ log }: Storage, dataDir: string): Promise<void> {
  const [survived, cold] = ['read-models.sqlite', 'cold.sqlite'].map((name) =>
    openProjectionDatabase(join(dataDir, name)),
  );
  if (survived === undefined || cold === undefined) throw new Error('two databases were opened');
  for (const db of [survived, cold]) {
    await ensureLive({ db, log, projections });
    const projector = startProjector({ db, log, projections, onFault: () => {} });
    expect(await projector.waitFor(await log.head(), 60_000)).to.equal(true);
    await projector.close();
  }
  expect(allLiveRows(survived)).to.deep.equal(allLiveRows(cold));
  survived.close();
  cold.close();
}
