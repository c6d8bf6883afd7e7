import type { ProjectionDatabase } from './projection-database.ts';

/** A table without a primary key: its rows have no order that the next build would give them again. */
export class KeylessTableError extends Error {
  override readonly name = 'KeylessTableError';
}

/** Names of a table's primary key columns, in the key's order. Throws `KeylessTableError`. */
export function keyColumns(db: ProjectionDatabase, table: string): readonly string[] {
  const keys = db
    .prepare<[string], { name: string }>('SELECT name FROM pragma_table_info(?) WHERE pk > 0 ORDER BY pk')
    .all(table)
    .map(({ name }) => name);
  if (keys.length === 0) throw new KeylessTableError(`table ${table} has no primary key`);
  return keys;
}
