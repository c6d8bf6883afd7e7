import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import type { EventLog } from '../../domain/ports/event-log.ts';
import { projections } from '../../projections/catalog.ts';
import { ForeignDatabaseError, openProjectionDatabase } from '../../projections/database.ts';
import { ensureLive } from '../../projections/ensure-live.ts';
import { RebuildSupersededError } from '../../projections/fold-log.ts';
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

  it('leaves the live rows as they were when it is killed, and its leftovers go at the next start', async () => {
    await happen(log, variedHistory);
    await ensureLive({ db: file.db, log, projections });
    const [rows, tables] = [allLiveRows(file.db), versionedTables(file.db)];
    const program = fileURLToPath(new URL('./programs/killed-rebuild.js', import.meta.url));
    expect(spawnSync(process.execPath, [program, file.path], { encoding: 'utf8' }).signal).to.equal('SIGKILL');
    expect(allLiveRows(file.db)).to.deep.equal(rows);
    expect(versionedTables(file.db)).to.have.length(2 * tables.length);
    await ensureLive({ db: file.db, log, projections });
    expect(versionedTables(file.db)).to.deep.equal(tables);
    expect(allLiveRows(file.db)).to.deep.equal(rows);
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
