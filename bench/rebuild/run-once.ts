import { join } from 'node:path';
import Database from 'better-sqlite3';
import { projections } from '../../projections/catalog.ts';
import { openProjectionDatabase } from '../../projections/database.ts';
import { type ProjectedEvent, tableNames } from '../../projections/projection.ts';
import { rebuild } from '../../projections/rebuild.ts';
import { openStorage } from '../../storage/open-storage.ts';

/**
 * One rebuild of everything, in a process of its own: `run-once.js <ours|bare> <folder of the log> <file to build>`. Sends how
 * long it took, without opening and closing, and the most memory that the process ever held.
 */
const [how = '', folder = '', target = ''] = process.argv.slice(2);
const seconds = how === 'ours' ? await rebuildOurs() : rebuildBare();
process.send?.({ seconds, peakBytes: process.resourceUsage().maxRSS * 1_024 });
process.disconnect();

async function rebuildOurs(): Promise<number> {
  const storage = await openStorage({ dataDir: folder, readOnly: true });
  const db = openProjectionDatabase(target);
  const started = performance.now();
  await rebuild({ db, log: storage.log, projections });
  const taken = performance.now() - started;
  db.close();
  await storage.close();
  return taken / 1_000;
}

/** What one would write in an evening: read a page, parse, do the same upserts, commit. No checks, no versions, no poison. */
function rebuildBare(): number {
  const log = new Database(join(folder, 'events.sqlite'), { readonly: true });
  const page = log.prepare<[number], { position: number; bytes: Buffer }>(
    'SELECT position, bytes FROM events WHERE position > ? ORDER BY position LIMIT 1000',
  );
  const db = new Database(target);
  db.pragma('journal_mode = WAL');
  db.pragma('synchronous = NORMAL');
  const name = tableNames(1);
  for (const { createSql } of projections) db.exec(createSql(name));
  const folds = projections.map(({ prepareFold }) => prepareFold(db, name));
  const apply = db.transaction((rows: readonly { position: number; bytes: Buffer }[]) => {
    for (const { position, bytes } of rows) {
      const { type, data, stream, recordedAt } = JSON.parse(bytes.toString());
      const projected: ProjectedEvent = { event: { type, data }, stream, position, recordedAt };
      for (const fold of folds) fold(projected);
    }
  });
  const started = performance.now();
  for (let rows = page.all(0); rows.length > 0; rows = page.all(rows.at(-1)?.position ?? 0)) apply(rows);
  const taken = performance.now() - started;
  db.close();
  log.close();
  return taken / 1_000;
}
