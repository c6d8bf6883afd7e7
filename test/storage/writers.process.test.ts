import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import Database from 'better-sqlite3';
import { expect } from 'chai';
import { openSqliteEventLog } from '../../storage/sqlite-event-log.ts';
import { exitOf, startProgram } from './child-programs.ts';
import { namesOf, range, withFolder } from './fixtures.ts';
import { everything } from './histories.ts';

describe('several processes on one file', function () {
  this.timeout(60_000);

  it('four writers and a tailer: nothing skipped, nothing repeated, positions without gaps', () =>
    withFolder(async (folder) => {
      const path = join(folder, 'events.sqlite');
      const count = 400;
      const total = 4 * (count + 50);
      // All five create the file at once.
      const tailer = startProgram('tailer', path, total);
      const tailed = text(tailer.stdout);
      const writers = range(1, 4).map((n) => startProgram('writer', path, `writer${n}`, count));
      expect(await Promise.all(writers.map(exitOf))).to.deep.equal([0, 0, 0, 0]);
      expect(await exitOf(tailer)).to.equal(0);

      const log = openSqliteEventLog({ path });
      const all = await everything(log);
      await log.close();
      expect(all.map(({ position }) => position)).to.deep.equal(range(1, total));
      const lines = all.map(({ position, envelope }) => `${position} ${envelope.id}\n`);
      expect(await tailed).to.equal(lines.join(''));
    }));

  const kills = process.env.PRISM_LONG === '1' ? 200 : 20;
  it(`${kills} × kill -9 of a writer: every acknowledged event is there, once, positions without gaps`, function () {
    this.timeout(kills * 5_000);
    return withFolder(async (folder) => {
      const path = join(folder, 'events.sqlite');
      const acknowledged = new Set<string>();
      for (let kill = 0; kill < kills; kill += 1) {
        const log = openSqliteEventLog({ path });
        const before = await everything(log);
        await log.close();
        // Each writer repeats the last events of the one before it, acknowledged or not: they must not be there twice.
        const child = startProgram('crash-writer', path, Math.max(1, before.length - 5));
        const killAfter = Math.floor(Math.random() * 60);
        let seen = 0;
        if (killAfter === 0) child.kill('SIGKILL');
        for await (const line of createInterface(child.stdout)) {
          // What was said before it died counts, also if it is read after. A line cut off by the kill has no name.
          const name = /^ack (event-\d+)$/.exec(line)?.[1];
          if (name !== undefined) acknowledged.add(name);
          seen += 1;
          if (seen === killAfter) child.kill('SIGKILL');
        }
        await exitOf(child);
      }
      await expectIntact(path, acknowledged);
    });
  });
});

async function expectIntact(path: string, acknowledged: ReadonlySet<string>): Promise<void> {
  const log = openSqliteEventLog({ path });
  const all = await everything(log);
  const names = namesOf(all);
  expect(all.map(({ position }) => position)).to.deep.equal(range(1, all.length));
  expect(all.map(({ revision }) => revision)).to.deep.equal(range(0, all.length - 1));
  expect(new Set(names).size).to.equal(names.length);
  expect(acknowledged.size).to.be.above(0);
  expect([...acknowledged].filter((name) => !names.includes(name))).to.deep.equal([]);
  const blobs = await Promise.all(all.map(({ envelope }) => log.blobs.has(String(envelope.data.sha256))));
  expect(blobs).to.not.include(false);
  await log.close();
  const db = new Database(path);
  expect(db.pragma('integrity_check', { simple: true })).to.equal('ok');
  db.close();
}
