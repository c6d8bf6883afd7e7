import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import type { EventLog } from '../../domain/ports/event-log.ts';
import { projections } from '../../projections/catalog.ts';
import { ForeignDatabaseError, openProjectionDatabase } from '../../projections/database.ts';
import { ensureLive } from '../../projections/ensure-live.ts';
import { RebuildSupersededError } from '../../projections/fold-log.ts';
import type { Projection } from '../../projections/projection.ts';
import { projectionStatuses } from '../../projections/projection-status.ts';
import { startProjector } from '../../projections/projector.ts';
import { PoisonedRebuildError, rebuild } from '../../projections/rebuild.ts';
import { NoLiveVersionError, projectionVersions } from '../../projections/versions.ts';
import { memoryEventLog } from '../../storage/memory-event-log.ts';
import { completed, received } from '../domain/submission-examples.ts';
import { faultOf } from '../storage/fixtures.ts';
import { countingProjection, countQueries } from './counting-projection.ts';
import { allLiveRows, happen, submissionOf, temporaryDatabase, variedHistory, versionedTables } from './fixtures.ts';

describe('a rebuild', () => {
  let file: ReturnType<typeof temporaryDatabase>;
  let log: EventLog;
  const counts = countingProjection();

  beforeEach(() => {
    file = temporaryDatabase();
    log = memoryEventLog();
  });
  afterEach(() => file.dispose());

  it('shows the old version until the new one has caught up, then the new one, and drops the old', async () => {
    await happen(log, submissionOf('one', completed));
    await ensureLive({ db: file.db, log, projections: [counts] });
    file.db.exec('UPDATE counts_v1 SET events = events + 100');
    const old = countQueries(file.db, counts)();
    const seen: unknown[] = [];
    await rebuild({
      db: file.db,
      log,
      projections: [counts],
      onProgress() {
        seen.push(countQueries(file.db, counts)());
        expect(versionedTables(file.db)).to.deep.equal(['counts_v1', 'counts_v2']);
      },
    });
    expect(seen).to.deep.equal([old, old]);
    expect(countQueries(file.db, counts)().events).to.equal(completed.length);
    expect(versionedTables(file.db)).to.deep.equal(['counts_v2']);
  });

  it('shows the new version to readers that were there before it', async () => {
    await happen(log, submissionOf('one', completed));
    await ensureLive({ db: file.db, log, projections: [counts] });
    const reader = openProjectionDatabase(file.path);
    const read = countQueries(reader, counts);
    file.db.exec('DELETE FROM counts_v1');
    expect(read().events).to.equal(0);
    await rebuild({ db: file.db, log, projections: [counts] });
    expect(read().events).to.equal(completed.length);
    reader.close();
  });

  it('loses nothing of what is appended and projected meanwhile', async () => {
    await ensureLive({ db: file.db, log, projections });
    const projector = startProjector({ db: file.db, log, projections, onFault: (error) => expect.fail(String(error)) });
    await projector.waitFor(await happen(log, variedHistory), 5_000);
    const builder = openProjectionDatabase(file.path);
    let rounds = 0;
    await rebuild({
      db: builder,
      log: {
        head: log.head,
        readStream: log.readStream,
        async readAll(after, limit) {
          const page = await log.readAll(after, limit);
          // The service appends, and its projector folds, between every two reads.
          rounds += 1;
          if (rounds <= 5) await projector.waitFor(await happen(log, submissionOf(`late-${rounds}`, completed)), 5_000);
          return page;
        },
      },
      projections,
    });
    builder.close();
    await projector.waitFor(await happen(log, submissionOf('after', completed)), 5_000);
    await projector.close();
    const fresh = temporaryDatabase();
    await ensureLive({ db: fresh.db, log, projections });
    expect(allLiveRows(file.db)).to.deep.equal(allLiveRows(fresh.db));
    fresh.dispose();
    expect(
      projectionStatuses(
        file.db,
        projections,
      )(await log.head()).every(({ lag, state }) => lag === 0 && state === 'live'),
    ).to.equal(true);
  });

  it('leaves everything as it was when it is cancelled', async () => {
    await happen(log, variedHistory);
    await ensureLive({ db: file.db, log, projections });
    const [rows, tables] = [allLiveRows(file.db), versionedTables(file.db)];
    const cancel = new AbortController();
    const reason = new Error('the operator changed her mind');
    const cancelled = rebuild({
      db: file.db,
      log,
      projections,
      signal: cancel.signal,
      onProgress: () => cancel.abort(reason),
    });
    expect(await faultOf(cancelled)).to.equal(reason);
    expect(allLiveRows(file.db)).to.deep.equal(rows);
    expect(versionedTables(file.db)).to.deep.equal(tables);
  });

  for (const phase of ['folding', 'copying']) {
    it(`leaves the live rows as they were when it is killed while ${phase}, and the next start or rebuild tidies up`, async () => {
      await happen(log, variedHistory);
      await ensureLive({ db: file.db, log, projections });
      const [rows, tables] = [allLiveRows(file.db), versionedTables(file.db)];
      const program = fileURLToPath(new URL('./programs/killed-rebuild.js', import.meta.url));
      const kill = () => spawnSync(process.execPath, [program, file.path, phase], { encoding: 'utf8' }).signal;
      expect(kill()).to.equal('SIGKILL');
      expect(allLiveRows(file.db)).to.deep.equal(rows);
      expect(versionedTables(file.db)).to.have.length(2 * tables.length);
      expect(scratchFiles(file.path)).to.have.length(1);
      const unread = projectionStatuses(file.db, projections)(0).filter(({ state }) => state !== 'live');
      expect(unread.map(({ state }) => state)).to.deep.equal(projections.map(() => 'leftover'));

      await ensureLive({ db: file.db, log, projections });
      expect(versionedTables(file.db)).to.deep.equal(tables);
      expect(scratchFiles(file.path)).to.deep.equal([]);
      expect(allLiveRows(file.db)).to.deep.equal(rows);

      expect(kill()).to.equal('SIGKILL');
      await rebuild({ db: file.db, log, projections });
      expect(versionedTables(file.db)).to.have.length(tables.length);
      expect(scratchFiles(file.path)).to.deep.equal([]);
      expect(allLiveRows(file.db)).to.deep.equal(rows);
    });
  }

  it('folds apart from the file that others write', async () => {
    await happen(log, variedHistory);
    await ensureLive({ db: file.db, log, projections });
    const other = openProjectionDatabase(file.path);
    let foldedUnderLock = 0;
    await rebuild({
      db: file.db,
      log: {
        ...log,
        async readAll(after) {
          // Somebody else writes for as long as there is something to fold.
          if (after === 0) other.exec('BEGIN IMMEDIATE');
          const page = await log.readAll(after, 10);
          if (page.length === 0 && other.inTransaction) other.exec('COMMIT');
          else if (after > 0 && other.inTransaction) foldedUnderLock += page.length;
          return page;
        },
      },
      projections,
    });
    other.close();
    expect(foldedUnderLock).to.be.above(20);
    expect(projectionStatuses(file.db, projections)(0).map(({ version }) => version)).to.deep.equal(
      projections.map(() => 2),
    );
  });

  it('copies tables of any size, in pieces', async () => {
    const many = 4_321;
    const wide = keyedProjection();
    await happen(log, submissionOf('one', [received]));
    await ensureLive({ db: file.db, log, projections: [wide(many)] });
    await rebuild({ db: file.db, log, projections: [wide(many)] });
    const rows = file.db
      .prepare<[], [number, string, number]>('SELECT * FROM keyed_v2 ORDER BY left, right')
      .raw()
      .all();
    expect(rows).to.have.length(many);
    expect(rows.every(([left, right, value]) => left === value % 7 && right === `row ${value}`)).to.equal(true);
  });

  it('is left alone by a start beside it, as long as its process lives', async () => {
    await happen(log, submissionOf('one', completed));
    const anotherPid = process.pid + 1;
    await ensureLive({ db: file.db, log, projections: [counts] });
    await rebuild({
      db: file.db,
      log,
      projections: [counts],
      pid: anotherPid,
      onProgress: () => void ensureLive({ db: file.db, log, projections: [counts] }, (pid) => pid === anotherPid),
    });
    expect(versionedTables(file.db)).to.deep.equal(['counts_v2']);
  });

  it('ends without harm when its unfinished tables were dropped', async () => {
    await happen(log, submissionOf('one', completed));
    await ensureLive({ db: file.db, log, projections: [counts] });
    const dropped = rebuild({
      db: file.db,
      log,
      projections: [counts],
      onProgress: () => void ensureLive({ db: file.db, log, projections: [counts] }),
    });
    expect(await faultOf(dropped)).to.be.instanceOf(RebuildSupersededError);
    expect(countQueries(file.db, counts)().events).to.equal(completed.length);
  });

  it('may run twice at once', async () => {
    await happen(log, variedHistory);
    await ensureLive({ db: file.db, log, projections });
    const rows = allLiveRows(file.db);
    await Promise.all([rebuild({ db: file.db, log, projections }), rebuild({ db: file.db, log, projections })]);
    expect(allLiveRows(file.db)).to.deep.equal(rows);
    expect(projectionStatuses(file.db, projections)(0).map(({ state }) => state)).to.deep.equal(
      projections.map(() => 'live'),
    );
  });

  it('refuses to put a poisoned version in the place of the live one', async () => {
    await happen(log, submissionOf('one', completed));
    await ensureLive({ db: file.db, log, projections: [counts] });
    const brittle = countingProjection({ poisonType: 'RunRequested' });
    expect(await faultOf(rebuild({ db: file.db, log, projections: [brittle] }))).to.be.instanceOf(PoisonedRebuildError);
    expect(countQueries(file.db, counts)().events).to.equal(completed.length);
    expect(versionedTables(file.db)).to.deep.equal(['counts_v1']);
  });
});

function scratchFiles(path: string): readonly string[] {
  return readdirSync(dirname(path)).filter((name) => name.includes('scratch'));
}

/** Makes many rows of one event, with a key of two columns. */
function keyedProjection() {
  return (rows: number): Projection => ({
    ...countingProjection({ name: 'keyed' }),
    createSql: (table) =>
      `CREATE TABLE ${table('keyed')} (left INTEGER, right TEXT, value INTEGER, PRIMARY KEY (left, right)) STRICT, WITHOUT ROWID;`,
    prepareFold(db, table) {
      const insert = db.prepare(`INSERT INTO ${table('keyed')} VALUES (?, ?, ?)`);
      return () => {
        for (let row = 0; row < rows; row += 1) insert.run(row % 7, `row ${row}`, row);
      };
    },
  });
}

describe('the start of the read models', () => {
  let file: ReturnType<typeof temporaryDatabase>;
  let log: EventLog;

  beforeEach(async () => {
    file = temporaryDatabase();
    log = memoryEventLog();
    await happen(log, submissionOf('one', completed));
  });
  afterEach(() => file.dispose());

  it('builds nothing anew when everything is there', async () => {
    await ensureLive({ db: file.db, log, projections });
    await ensureLive({ db: file.db, log, projections });
    expect(projectionStatuses(file.db, projections)(0).every(({ version }) => version === 1)).to.equal(true);
  });

  it('rebuilds a projection whose tables another version of the program laid out', async () => {
    await ensureLive({ db: file.db, log, projections: [countingProjection(), countingProjection({ name: 'other' })] });
    const newer = countingProjection({ schema: 2 });
    expect(() => countQueries(file.db, newer)()).to.throw(NoLiveVersionError);
    await ensureLive({ db: file.db, log, projections: [newer, countingProjection({ name: 'other' })] });
    expect(countQueries(file.db, newer)().events).to.equal(completed.length);
    expect(versionedTables(file.db)).to.deep.equal(['counts_v2', 'other_v1']);
  });

  it('leaves what another version of the program reads, until that is over', async () => {
    const older = countingProjection();
    const newer = countingProjection({ schema: 2 });
    await ensureLive({ db: file.db, log, projections: [older] });
    const projector = startProjector({
      db: file.db,
      log,
      projections: [older],
      onFault: (error) => expect.fail(String(error)),
    });
    // The next release's `prism projections rebuild`, beside a service of this one.
    await rebuild({ db: file.db, log, projections: [newer] });
    const position = await happen(log, submissionOf('two', completed));
    await projector.waitFor(position, 5_000);
    expect(countQueries(file.db, older)()).to.deep.equal({ events: 2 * completed.length, position });
    expect(countQueries(file.db, newer)().events).to.equal(completed.length);
    const states = projectionStatuses(file.db, [newer])(position).map(({ state, schema }) => `${state} ${schema}`);
    expect(states).to.deep.equal(['otherProgram 1', 'live 2']);
    await projector.close();

    // The next release's service: nothing is built again, what was missed is folded, and the older tables go.
    await ensureLive({ db: file.db, log, projections: [newer] });
    const next = startProjector({
      db: file.db,
      log,
      projections: [newer],
      onFault: (error) => expect.fail(String(error)),
    });
    await next.waitFor(position, 5_000);
    await next.close();
    expect(countQueries(file.db, newer)()).to.deep.equal({ events: 2 * completed.length, position });
    expect(versionedTables(file.db)).to.deep.equal(['counts_v2']);
  });

  it('empties a file whose own tables another version of the program laid out', async () => {
    await ensureLive({ db: file.db, log, projections: [countingProjection()] });
    file.db.pragma('user_version = 1');
    const reopened = openProjectionDatabase(file.path);
    expect(versionedTables(reopened)).to.deep.equal([]);
    await ensureLive({ db: reopened, log, projections: [countingProjection()] });
    expect(countQueries(reopened, countingProjection())().events).to.equal(completed.length);
    reopened.close();
  });

  it('rebuilds what is ahead of the log, since it was made from another', async () => {
    const counts = countingProjection();
    await ensureLive({ db: file.db, log, projections: [counts] });
    const shorter = memoryEventLog();
    await happen(shorter, submissionOf('one', [received]));
    await ensureLive({ db: file.db, log: shorter, projections: [counts] });
    expect(countQueries(file.db, counts)()).to.deep.equal({ events: 1, position: 1 });
  });

  it('starts with a poisoned projection rather than not at all', async () => {
    const brittle = countingProjection({ name: 'brittle', poisonType: 'RunRequested' });
    const counts = countingProjection();
    await ensureLive({ db: file.db, log, projections: [brittle, counts] });
    expect(
      projectionStatuses(file.db, [brittle, counts])(0).map(({ name, state }) => `${name} ${state}`),
    ).to.deep.equal(['brittle poisoned', 'counts live']);
  });

  it('refuses to read what was never built, and files of other programs', () => {
    expect(() => countQueries(file.db, countingProjection())()).to.throw(NoLiveVersionError);
    file.db.pragma('application_id = 7');
    expect(() => openProjectionDatabase(file.path)).to.throw(ForeignDatabaseError);
    expect(projectionVersions(file.db).all()).to.deep.equal([]);
  });
});
