import { readdirSync } from 'node:fs';
import { dirname } from 'node:path';
import Database from 'better-sqlite3';
import { expect } from 'chai';
import fc from 'fast-check';
import type { EventLog } from '../../domain/ports/event-log.ts';
import { projections } from '../../projections/catalog.ts';
import { digestOf, firstDifference } from '../../projections/digest.ts';
import { ensureLive } from '../../projections/ensure-live.ts';
import { startProjector } from '../../projections/projector.ts';
import { KeylessTableError } from '../../projections/table-keys.ts';
import { type VerifyOptions, verifyProjections } from '../../projections/verify.ts';
import { NoLiveVersionError } from '../../projections/versions.ts';
import { memoryEventLog } from '../../storage/memory-event-log.ts';
import { completed } from '../domain/submission-examples.ts';
import { faultOf } from '../storage/fixtures.ts';
import { countingProjection } from './counting-projection.ts';
import { happen, submissionOf, temporaryDatabase, variedHistory } from './fixtures.ts';

describe('verifying read models', () => {
  let file: ReturnType<typeof temporaryDatabase>;
  let log: EventLog;

  beforeEach(async () => {
    file = temporaryDatabase();
    log = memoryEventLog();
    await happen(log, variedHistory);
    await ensureLive({ db: file.db, log, projections });
  });
  afterEach(() => file.dispose());

  const verify = (options: Partial<VerifyOptions> = {}) =>
    verifyProjections({ db: file.db, log, projections, ...options });
  const differing = async (sql: string) => {
    file.db.exec(sql);
    const found = await verify();
    return found.flatMap(({ name, isEqual, tables }) =>
      isEqual ? [] : tables.flatMap(({ table, difference }) => (difference ? [{ name, table, ...difference }] : [])),
    );
  };

  it('finds live versions equal to a fold from zero, at their positions', async () => {
    const found = await verify();
    expect(found.map(({ name, isEqual }) => [name, isEqual])).to.deep.equal(
      projections.map(({ name }) => [name, true]),
    );
    expect(new Set(found.map(({ position }) => position))).to.deep.equal(new Set([await log.head()]));
    const rows = found.flatMap(({ tables }) => tables.map(({ live }) => live.rows));
    expect(rows.every((count) => count >= 0) && Math.max(...rows) > 5).to.equal(true);
  });

  it('names the table and the first row that was changed', async () => {
    const [difference, ...others] = await differing(
      "UPDATE miners_v1 SET completed = 7 WHERE hotkey IN ('bob', 'erin')",
    );
    expect(others).to.deep.equal([]);
    expect(difference).to.deep.include({ name: 'miners', table: 'miners' });
    expect(difference?.live).to.include({ hotkey: 'bob', completed: 7 });
    expect(difference?.rebuilt).to.include({ hotkey: 'bob', completed: 0 });
  });

  it('names the first row that is missing', async () => {
    const [difference] = await differing("DELETE FROM scores_v1 WHERE submission_id = 'five'");
    expect(difference).to.deep.include({ name: 'scores', table: 'scores', live: null });
    expect(difference?.rebuilt).to.include({ submission_id: 'five' });
  });

  it('names the first row that should not be there, in front and behind all others', async () => {
    const [first] = await differing("INSERT INTO miner_submissions_v1 VALUES ('a', 'mallory', NULL)");
    expect(first).to.deep.include({ table: 'miner_submissions', rebuilt: null });
    expect(first?.live).to.deep.equal({ submission_id: 'a', hotkey: 'mallory', ending: null });
    file.db.exec("DELETE FROM miner_submissions_v1 WHERE submission_id = 'a'");
    const [last] = await differing("INSERT INTO miner_submissions_v1 VALUES ('zz', 'mallory', NULL)");
    expect(last?.live).to.include({ submission_id: 'zz' });
  });

  it('compares at one position while the service goes on', async () => {
    const projector = startProjector({ db: file.db, log, projections, onFault: (error) => expect.fail(String(error)) });
    const before = await log.head();
    let rounds = 0;
    const found = await verify({
      log: {
        readStream: log.readStream,
        async readAll(after, limit) {
          rounds += 1;
          await projector.waitFor(await happen(log, submissionOf(`late-${rounds}`, completed)), 5_000);
          return log.readAll(after, limit);
        },
      },
    });
    await projector.close();
    expect(rounds).to.be.above(0);
    expect(found.every(({ isEqual }) => isEqual)).to.equal(true);
    expect(new Set(found.map(({ position }) => position))).to.deep.equal(new Set([before]));
    expect((await verify()).every(({ isEqual, position }) => isEqual && position > before)).to.equal(true);
  });

  it('compares a poisoned version up to where it has stopped', async () => {
    const brittle = countingProjection({ name: 'brittle', poisonType: 'SubmissionHeld' });
    await ensureLive({ db: file.db, log, projections: [brittle] });
    const [found] = await verify({ projections: [brittle] });
    expect(found).to.include({ isEqual: true, stoppedAt: null });
    expect(found?.poison?.position).to.equal((found?.position ?? 0) + 1);
  });

  it('says so when the fold from zero stops where the live version did not', async () => {
    const counts = countingProjection();
    await ensureLive({ db: file.db, log, projections: [counts] });
    const [found] = await verify({ projections: [countingProjection({ poisonType: 'SubmissionHeld' })] });
    expect(found).to.include({ isEqual: false, poison: null });
    expect(found?.stoppedAt?.error).to.contain('SubmissionHeld');
  });

  it('refuses what was never built', async () => {
    expect(await faultOf(verify({ projections: [countingProjection()] }))).to.be.instanceOf(NoLiveVersionError);
  });

  it('leaves nothing behind, whether it ends well or is cancelled', async () => {
    const cancel = new AbortController();
    const reason = new Error('the operator changed her mind');
    const cancelled = verify({ signal: cancel.signal, onProgress: () => cancel.abort(reason), log: endless(log) });
    expect(await faultOf(cancelled)).to.equal(reason);
    await verify();
    expect(readdirSync(dirname(file.path)).filter((name) => name.includes('scratch'))).to.deep.equal([]);
  });
});

/** One event a page, so that there is always another. */
function endless(log: EventLog): Pick<EventLog, 'readAll' | 'readStream'> {
  return { readStream: log.readStream, readAll: (after) => log.readAll(after, 1) };
}

describe('the digest of a table', () => {
  type Row = readonly [number, string, string | null];
  const rowsArbitrary = fc.uniqueArray(
    fc.tuple(fc.integer({ min: 0, max: 50 }), fc.string({ unit: 'binary', maxLength: 4 }), fc.option(fc.string())),
    { selector: ([first, second]) => `${first} ${second}`, maxLength: 12 },
  );
  const tableOf = (rows: readonly Row[]) => {
    const db = new Database(':memory:');
    db.exec('CREATE TABLE t (a INTEGER NOT NULL, b TEXT NOT NULL, c TEXT, PRIMARY KEY (a, b)) STRICT, WITHOUT ROWID');
    const insert = db.prepare('INSERT INTO t VALUES (?, ?, ?)');
    for (const row of rows) insert.run(...row);
    return { db, table: 't' };
  };

  it('depends on the rows, not on the order in which they came', () => {
    fc.assert(
      fc.property(rowsArbitrary, fc.infiniteStream(fc.nat()), (rows, seeds) => {
        const shuffled = rows.map((row) => [seeds.next().value ?? 0, row] as const).toSorted(([a], [b]) => a - b);
        const [left, right] = [tableOf(rows), tableOf(shuffled.map(([, row]) => row))];
        expect(digestOf(left)).to.deep.equal(digestOf(right));
        expect(digestOf(left).rows).to.equal(rows.length);
        expect(firstDifference(left, right)).to.equal(null);
      }),
    );
  });

  it('differs when one row does, and the difference found is one', () => {
    fc.assert(
      fc.property(rowsArbitrary, rowsArbitrary, (one, other) => {
        const sorted = (rows: readonly Row[]) => rows.map((row) => JSON.stringify(row)).toSorted();
        fc.pre(JSON.stringify(sorted(one)) !== JSON.stringify(sorted(other)));
        const [left, right] = [tableOf(one), tableOf(other)];
        expect(digestOf(left).sha256).to.not.equal(digestOf(right).sha256);
        const { live, rebuilt } = firstDifference(left, right) ?? { live: null, rebuilt: null };
        const has = (rows: readonly Row[], row: object) => sorted(rows).includes(JSON.stringify(Object.values(row)));
        expect(live === null && rebuilt === null).to.equal(false);
        if (live !== null) expect([has(one, live), has(other, live)]).to.deep.equal([true, false]);
        if (rebuilt !== null) expect([has(one, rebuilt), has(other, rebuilt)]).to.deep.equal([false, true]);
      }),
    );
  });

  it('wants a primary key, which gives the order', () => {
    const db = new Database(':memory:');
    db.exec('CREATE TABLE t (a INTEGER)');
    expect(() => digestOf({ db, table: 't' })).to.throw(KeylessTableError);
  });
});
