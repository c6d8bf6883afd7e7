import { setTimeout as delay } from 'node:timers/promises';
import { patiently } from './patiently.ts';
import type { ProjectionDatabase } from './projection-database.ts';
import { keyColumns } from './table-keys.ts';

/** Some ten milliseconds of writing. */
const piece = 2_000;

/**
 * Copies all rows of `source` (qualified by the schema it is attached as) into the empty table `target` of the same layout, by key, in
 * pieces. Between two it stays away for as long as the piece took, so that other writers of the file have their turn. `assertWanted` is asked in each
 * piece's transaction and may throw to end it all.
 */
export async function copyRows(
  db: ProjectionDatabase,
  source: string,
  target: string,
  assertWanted: () => void,
): Promise<void> {
  assertWanted();
  const keys = keyColumns(db, target);
  const key = keys.join(', ');
  const last = db
    .prepare<[], unknown[]>(`SELECT ${key} FROM ${target} ORDER BY ${keys.join(' DESC, ')} DESC LIMIT 1`)
    .raw();
  const insert = `INSERT INTO ${target} SELECT * FROM ${source}`;
  const first = db.prepare(`${insert} ORDER BY ${key} LIMIT ${piece}`);
  const next = db.prepare(
    `${insert} WHERE (${key}) > (${keys.map(() => '?').join(', ')}) ORDER BY ${key} LIMIT ${piece}`,
  );
  for (let copied = piece; copied === piece; ) {
    const started = performance.now();
    copied = await patiently(db, () => {
      assertWanted();
      const after = last.get();
      return (after === undefined ? first.run() : next.run(...after)).changes;
    });
    await delay(performance.now() - started);
  }
}
