import { createHash } from 'node:crypto';
import type { ProjectionDatabase } from './projection-database.ts';
import { keyColumns } from './table-keys.ts';

/** A table of a read model, in one version, in whichever file. */
export type VersionedTable = { readonly db: ProjectionDatabase; readonly table: string };

export type TableDigest = {
  readonly rows: number;
  /** Lower-case hex SHA-256. */
  readonly sha256: string;
};

type Value = string | number | null;

/**
 * SHA-256 over a line of JSON with the column names, then one a row with its values, in the order of the primary key: two tables with
 * the same rows have the same digest, in whatever order they came and in whichever file they lie.
 */
export function digestOf(side: VersionedTable): TableDigest {
  const statement = rowsInOrder(side);
  const hash = createHash('sha256').update(line(statement.columns().map(({ name }) => name)));
  let rows = 0;
  for (const row of statement.iterate()) {
    hash.update(line(row));
    rows += 1;
  }
  return { rows, sha256: hash.digest('hex') };
}

function line(values: readonly Value[]): string {
  return `${JSON.stringify(values)}\n`;
}

function rowsInOrder({ db, table }: VersionedTable) {
  return db.prepare<[], Value[]>(`SELECT * FROM ${table} ORDER BY ${keyColumns(db, table).join(', ')}`).raw();
}

type Row = Readonly<Record<string, Value>>;

/** The first row, in the key's order, that isn't the same on both sides; null on the side where there is none with that key. */
export type RowDifference = { readonly live: Row | null; readonly rebuilt: Row | null };

/** Null when both tables have the same rows. They must lie in different files or connections, since both are read at once. */
export function firstDifference(live: VersionedTable, rebuilt: VersionedTable): RowDifference | null {
  const pair = firstUnequalPair(live, rebuilt);
  if (pair === null) return null;
  const columns = rowsInOrder(live).columns();
  const named = (row: readonly Value[] | null): Row | null =>
    row && Object.fromEntries(columns.map(({ name }, index) => [name, row[index] ?? null]));
  const [ours, theirs] = pair.map(named);
  if (!ours || !theirs) return { live: ours ?? null, rebuilt: theirs ?? null };
  // Both have a row at that place. With different keys, the one that comes first is missing on the other side.
  const keys = keyColumns(live.db, live.table);
  if (keys.every((key) => ours[key] === theirs[key])) return { live: ours, rebuilt: theirs };
  return hasKey(rebuilt, keys, ours) ? { live: null, rebuilt: theirs } : { live: ours, rebuilt: null };
}

function firstUnequalPair(live: VersionedTable, rebuilt: VersionedTable): readonly (readonly Value[] | null)[] | null {
  const others = rowsInOrder(rebuilt).iterate();
  try {
    for (const row of rowsInOrder(live).iterate()) {
      const other = others.next();
      if (other.done || line(row) !== line(other.value)) return [row, other.done ? null : other.value];
    }
    const other = others.next();
    return other.done ? null : [null, other.value];
  } finally {
    others.return?.();
  }
}

function hasKey({ db, table }: VersionedTable, keys: readonly string[], row: Row): boolean {
  const where = keys.map((key) => `${key} IS ?`).join(' AND ');
  return db.prepare(`SELECT 1 FROM ${table} WHERE ${where}`).get(keys.map((key) => row[key])) !== undefined;
}
