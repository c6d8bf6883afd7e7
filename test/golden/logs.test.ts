import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import Database from 'better-sqlite3';
import { expect } from 'chai';
import { sha256Hex } from '../../domain/blob-digest.ts';
import { commandHandler } from '../../domain/handle-command.ts';
import { submissionAggregate } from '../../domain/submission/decide.ts';
import { projections } from '../../projections/catalog.ts';
import { openProjectionDatabase } from '../../projections/database.ts';
import { ensureLive } from '../../projections/ensure-live.ts';
import { projectionStatuses } from '../../projections/projection-status.ts';
import { openStorage } from '../../storage/open-storage.ts';
import { logFileVersion, openConnection } from '../../storage/sqlite-connection.ts';
import { stream } from '../machines/world.ts';
import { eventNamed, withFolder } from '../storage/fixtures.ts';
import { goldenLogFolder, goldenLogs } from './golden-log.ts';

/** Over the bytes of all events of a golden log, in order. */
const digests: Readonly<Record<number, string>> = {
  1: '8cb26baf5db0e2364c9187ce44e6deb678793a55f1f2afb02aed8eb11ba8d7e8',
};

function tablesIn(path: string): readonly unknown[] {
  const db = new Database(path, { readonly: true });
  const tables = db.prepare('SELECT type, name, sql FROM sqlite_schema ORDER BY name').all();
  db.close();
  return tables;
}

describe('An event log of every version that ever wrote one', () => {
  it('is among the golden files, the one of today included', () => {
    expect(goldenLogs().map(({ version }) => version)).to.deep.equal(
      Array.from({ length: logFileVersion }, (_, index) => index + 1),
    );
  });

  it('has the layout of today, unless its version says otherwise', () =>
    withFolder(async (folder) => {
      const path = join(folder, 'events.sqlite');
      openConnection({ path }).close();
      for (const { name } of goldenLogs().filter(({ isNewest }) => isNewest)) {
        // Even to read a file in WAL mode SQLite writes beside it.
        copyFileSync(join(goldenLogFolder, name), join(folder, name));
        expect(tablesIn(join(folder, name))).to.deep.equal(tablesIn(path));
      }
    }));

  for (const { name, version } of goldenLogs()) {
    it(`${name} opens, gives every byte back, folds, and takes new events`, () =>
      withFolder(async (dataDir) => {
        copyFileSync(join(goldenLogFolder, name), join(dataDir, 'events.sqlite'));
        const { log, blobs, close } = await openStorage({ dataDir });
        const all = await log.readAll(0, 1_000);
        expect(sha256Hex(Buffer.concat(all.map(({ bytes }) => bytes)))).to.equal(digests[version]);
        const { state } = await commandHandler(log, submissionAggregate).load(stream);
        expect(state).to.include({ phase: 'completed', voided: false });
        const blob = await blobs.open(sha256Hex(Buffer.from('a small blob')));
        expect(await text(blob)).to.equal('a small blob');

        const db = openProjectionDatabase(join(dataDir, 'read-models.sqlite'));
        await ensureLive({ db, log, projections });
        const statuses = projectionStatuses(db, projections)(await log.head());
        expect(statuses.map(({ state, lag }) => `${state} ${lag}`)).to.deep.equal(projections.map(() => 'live 0'));
        db.close();

        expect((await log.append('new', 'noStream', [eventNamed('new', 'new')])).kind).to.equal('appended');
        await close();
      }));
  }
});
