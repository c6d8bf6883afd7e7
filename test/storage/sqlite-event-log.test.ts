import { statSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { expect } from 'chai';
import { toAttachment } from '../../domain/blob-digest.ts';
import { LogUnavailableError } from '../../domain/ports/event-log-errors.ts';
import { openConnection } from '../../storage/sqlite-connection.ts';
import { openSqliteEventLog, type SqliteEventLog, sqliteEventLog } from '../../storage/sqlite-event-log.ts';
import { walBytes, walGuard } from '../../storage/sqlite-wal.ts';
import { appended, eventNamed, eventsNamed, namesOf, range, withFolder } from './fixtures.ts';
import { collector } from './subscription-contract.ts';

function withLog(use: (log: SqliteEventLog, path: string) => Promise<void>): Promise<void> {
  return withFolder(async (folder) => {
    const path = join(folder, 'events.sqlite');
    const log = openSqliteEventLog({ path });
    try {
      await use(log, path);
    } finally {
      await log.close();
    }
  });
}

describe('sqlite event log', () => {
  it('numbers positions without gaps, conflicts and faults included', () =>
    withLog(async (log) => {
      await Promise.allSettled(
        range(1, 40).map((n) => {
          if (n % 5 === 0) return log.append('a', 'noStream', eventsNamed([`${n}`], 'a'));
          if (n % 7 === 0) return log.append('a', 'any', eventsNamed(['1', `${n}`], 'a'));
          return log.append('a', 'any', eventsNamed([`${n}`], 'a'));
        }),
      );
      const all = await log.readAll(0, 100);
      expect(all.map(({ position }) => position)).to.deep.equal(range(1, all.length));
      expect(all).to.have.length(40 - 8 - 5 + 1);
    }));

  describe('the history only grows', () => {
    const forbidden: readonly [string, string][] = [
      ['an update', "UPDATE events SET id = 'x' WHERE position = 1"],
      ['a deletion', 'DELETE FROM events WHERE position = 2'],
      ['a replaced event', "INSERT OR REPLACE INTO events SELECT 3, 'a', 2, id, bytes FROM events WHERE position = 1"],
      [
        'a replaced position',
        "INSERT OR REPLACE INTO events SELECT 1, 'b', 0, 'new', bytes FROM events WHERE position = 1",
      ],
      ['a gap in the log', "INSERT INTO events SELECT 4, 'a', 2, 'new', bytes FROM events WHERE position = 1"],
      ['a gap in a stream', "INSERT INTO events SELECT 3, 'a', 3, 'new', bytes FROM events WHERE position = 1"],
      ['a changed blob', "UPDATE blobs SET bytes = x'00'"],
      ['a deleted blob', 'DELETE FROM blobs'],
    ];
    for (const [what, sql] of forbidden) {
      it(`refuses ${what}, from any connection`, () =>
        withLog(async (log, path) => {
          const { attachment } = toAttachment(Buffer.from('blob'));
          await log.append('a', 'any', eventsNamed(['1', '2'], 'a'), [attachment]);
          const other = new Database(path);
          // As the sqlite3 shell has it: a REPLACE then fires no delete trigger.
          other.pragma('recursive_triggers = OFF');
          expect(() => other.exec(sql)).to.throw(Database.SqliteError);
          other.close();
          expect(namesOf(await log.readAll(0, 10))).to.deep.equal(['1', '2']);
        }));
    }
  });

  describe('opening', () => {
    it('asserts WAL and synchronous=FULL', () =>
      withFolder(async (folder) => {
        const db = openConnection({ path: join(folder, 'events.sqlite') });
        expect(db.pragma('journal_mode', { simple: true })).to.equal('wal');
        expect(db.pragma('synchronous', { simple: true })).to.equal(2);
        db.close();
      }));

    it('refuses a file that can have no write-ahead log', () => {
      expect(() => openConnection({ path: ':memory:' })).to.throw(LogUnavailableError, 'journal_mode is memory');
    });

    const foreign: readonly [string, string][] = [
      ['of another program', 'CREATE TABLE notes (text)'],
      ['of a newer version', 'PRAGMA user_version = 99'],
    ];
    for (const [what, sql] of foreign) {
      it(`refuses a file ${what} and leaves it as it is`, () =>
        withFolder(async (folder) => {
          const path = join(folder, 'events.sqlite');
          if (what.includes('version')) openConnection({ path }).close();
          new Database(path).exec(sql).close();
          expect(() => openConnection({ path })).to.throw(LogUnavailableError, /application_id|user_version/);
          const db = new Database(path);
          expect(db.pragma('application_id', { simple: true })).to.equal(what.includes('version') ? 0x5052534d : 0);
          db.close();
        }));
    }

    it('says that the folder is missing', () =>
      withFolder(async (folder) => {
        expect(() => openConnection({ path: join(folder, 'none', 'events.sqlite') }))
          .to.throw(LogUnavailableError)
          .with.property('reason', 'cannotOpen');
      }));
  });

  describe('group commit', () => {
    it('puts concurrent appends into one transaction', () =>
      withLog(async (log, path) => {
        await log.append('a', 'any', eventsNamed(['0'], 'a'));
        const other = new Database(path);
        const versions = new Set([other.pragma('data_version', { simple: true })]);
        const appends = range(1, 64).map(async (n) => {
          await log.append('a', 'any', eventsNamed([`${n}`], 'a'));
          versions.add(other.pragma('data_version', { simple: true }));
        });
        await Promise.all(appends);
        expect(versions.size).to.equal(2);
        other.close();
      }));

    it('an append sees those before it in the group', () =>
      withLog(async (log) => {
        const results = await Promise.all([
          log.append('a', 'noStream', eventsNamed(['1'], 'a')),
          log.append('a', 0, eventsNamed(['2'], 'a')),
          log.append('a', 0, eventsNamed(['3'], 'a')),
        ]);
        expect(results.map(({ kind }) => kind)).to.deep.equal(['appended', 'appended', 'conflict']);
      }));

    it('a constraint that SQLite finds fails one append, not its neighbours', () =>
      withLog(async (log, path) => {
        const other = new Database(path);
        other.exec(`CREATE TRIGGER poison BEFORE INSERT ON events WHEN NEW.stream = 'poison'
          BEGIN SELECT RAISE(ABORT, 'poisoned'); END`);
        other.close();
        const streams = ['a', 'poison', 'b', 'a'];
        const results = await Promise.allSettled(
          streams.map((stream, index) => log.append(stream, 'any', eventsNamed([`${index}`], stream))),
        );
        expect(results.map(({ status }) => status)).to.deep.equal(['fulfilled', 'rejected', 'fulfilled', 'fulfilled']);
        expect((await log.readAll(0, 10)).map(({ position }) => position)).to.deep.equal([1, 2, 3]);
      }));

    it('takes more than fits one group', () =>
      withLog(async (log) => {
        const names = range(1, 1_000).map(String);
        const large = log.append('b', 'any', eventsNamed(names, 'b'));
        await Promise.all(names.map((name) => log.append('a', 'any', eventsNamed([name], 'a'))));
        expect(appended(await large).revision).to.equal(999);
        expect(namesOf(await log.readStream('a', 0, 2_000))).to.deep.equal(names);
      }));

    it('waits for the lock of another writer without blocking the event loop', () =>
      withLog(async (log, path) => {
        const other = new Database(path);
        other.exec('BEGIN IMMEDIATE');
        let acknowledged = false;
        const append = log.append('a', 'any', eventsNamed(['1'], 'a')).then((result) => {
          acknowledged = true;
          return result;
        });
        for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
        expect(acknowledged).to.equal(false);
        other.exec('ROLLBACK');
        expect((await append).kind).to.equal('appended');
        other.close();
      }));
  });

  it('two instances on one file in one process wake each other', () =>
    withLog(async (log, path) => {
      const second = openSqliteEventLog({ path });
      const seen = [collector(), collector()];
      const subscriptions = [
        log.subscribe(0, seen[0]?.onPage ?? (() => {})),
        second.subscribe(0, seen[1]?.onPage ?? (() => {})),
      ];
      await Promise.all(
        range(1, 100).map((n) => (n % 2 === 0 ? log : second).append('a', 'any', eventsNamed([`${n}`], 'a'))),
      );
      await Promise.all(seen.map((one) => one.until(100)));
      await Promise.all(subscriptions.map((subscription) => subscription.close()));
      for (const { events } of seen) expect(events.map(({ position }) => position)).to.deep.equal(range(1, 100));
      await second.close();
    }));

  describe('write-ahead log', () => {
    it('stays bounded while a subscriber follows', () =>
      withLog(async (log) => {
        const seen = collector();
        const subscription = log.subscribe(0, seen.onPage);
        for (const batch of range(1, 60)) {
          const names = range(1, 100).map((n) => `${batch}.${n}`);
          await log.append(
            'a',
            'any',
            names.map((name) => eventNamed(name, 'a', { filler: 'x'.repeat(2_000) })),
          );
        }
        await seen.until(6_000);
        await subscription.close();
        expect(log.walBytes()).to.be.within(1, 12 * 1_048_576);
      }));

    it('stays bounded while a subscriber is busy with one page, which is all that it has in hand', () =>
      withLog(async (log) => {
        const seen = collector();
        let letOn = () => {};
        const busy = new Promise<void>((resolve) => {
          letOn = resolve;
        });
        const subscription = log.subscribe(0, async (page) => {
          seen.onPage(page);
          await busy;
        });
        for (const batch of range(1, 40)) {
          const names = range(1, 100).map((n) => `${batch}.${n}`);
          await log.append(
            'a',
            'any',
            names.map((name) => eventNamed(name, 'a', { filler: 'x'.repeat(4_000) })),
          );
        }
        expect(seen.events.length).to.be.at.most(512);
        expect(seen.pages).to.have.length(1);
        expect(log.walBytes()).to.be.within(1, 12 * 1_048_576);
        letOn();
        await seen.until(4_000);
        await subscription.close();
      }));

    it('is cut once a reader that pinned it is gone', () =>
      withFolder(async (folder) => {
        const path = join(folder, 'events.sqlite');
        const db = openConnection({ path });
        const log = sqliteEventLog(db);
        const limitBytes = 1_048_576;
        const guard = walGuard(db, limitBytes);
        await log.append('a', 'any', eventsNamed(['0'], 'a'));
        const reader = new Database(path);
        reader.exec('BEGIN; SELECT count(*) FROM events');
        reader.prepare('SELECT count(*) FROM events').get();
        const { attachment } = toAttachment(Buffer.alloc(60_000));
        for (const n of range(1, 30)) {
          await log.append('a', 'any', [eventNamed(`${n}`, 'a', { filler: 'x'.repeat(60_000) })], [attachment]);
        }
        for (const _ of range(1, 128)) guard();
        expect(walBytes(path)).to.be.above(limitBytes);
        reader.close();
        for (const _ of range(1, 128)) guard();
        expect(walBytes(path)).to.equal(0);
        expect(statSync(path).size).to.be.above(limitBytes);
        await log.close();
      }));
  });
});
