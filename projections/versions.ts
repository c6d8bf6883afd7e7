import { type Projection, tableNames } from './projection.ts';
import type { ProjectionDatabase } from './projection-database.ts';

/**
 * The two tables that say which versions of which projections there are, and which one readers see. A version belongs to the schema it
 * was built with, and each program reads the live version of its own schema: so the next program's can be built while this one serves.
 */
export const versionTablesSql = `
  CREATE TABLE IF NOT EXISTS projections (
    name TEXT NOT NULL,
    schema INTEGER NOT NULL,
    live_version INTEGER NOT NULL,
    PRIMARY KEY (name, schema)
  ) STRICT;
  CREATE TABLE IF NOT EXISTS projection_versions (
    name TEXT NOT NULL,
    version INTEGER NOT NULL,
    schema INTEGER NOT NULL,
    position INTEGER NOT NULL DEFAULT 0,
    tables TEXT NOT NULL,
    builder_pid INTEGER,
    poison_position INTEGER,
    poison_event_id TEXT,
    poison_error TEXT,
    PRIMARY KEY (name, version)
  ) STRICT;
`;

/** The event that a projection can't fold. It stays until a rebuild with a mended fold takes the version's place, or an operator skips it. */
export type Poison = { readonly position: number; readonly eventId: string; readonly error: string };

export type VersionRow = {
  readonly name: string;
  readonly version: number;
  readonly schema: number;
  /** Position of the last event folded or passed over, 0 before the first. */
  readonly position: number;
  readonly poison: Poison | null;
  /** Whether programs of its schema read it. */
  readonly isLive: boolean;
  /** Process that builds it, null once it is live. */
  readonly builderPid: number | null;
};

type RawRow = {
  readonly name: string;
  readonly version: number;
  readonly schema: number;
  readonly position: number;
  readonly builderPid: number | null;
  readonly poisonPosition: number | null;
  readonly poisonEventId: string | null;
  readonly poisonError: string | null;
  readonly isLive: 0 | 1;
};

const selectSql = `
  SELECT v.name, v.version, v.schema, v.position, v.builder_pid AS builderPid, v.poison_position AS poisonPosition,
    v.poison_event_id AS poisonEventId, v.poison_error AS poisonError, p.live_version IS v.version AS isLive
  FROM projection_versions v LEFT JOIN projections p ON p.name = v.name AND p.schema = v.schema`;

/** What a program calls a projection, and how it lays out its tables. */
type Laid = Pick<Projection, 'name' | 'schema'>;

/** Reads and writes both tables. Writing methods expect to stand in a transaction of the caller. */
export type Versions = ReturnType<typeof projectionVersions>;

export function projectionVersions(db: ProjectionDatabase) {
  const selectAll = db.prepare<[], RawRow>(`${selectSql} ORDER BY v.name, v.version`);
  const selectLive = db.prepare<[string, number], RawRow>(
    `${selectSql} WHERE v.name = ? AND v.schema = ? AND p.live_version = v.version`,
  );
  const selectOne = db.prepare<[string, number], RawRow>(`${selectSql} WHERE v.name = ? AND v.version = ?`);
  const nextVersion = db.prepare<[string], { next: number }>(
    'SELECT coalesce(max(version), 0) + 1 AS next FROM projection_versions WHERE name = ?',
  );
  const insert = db.prepare(
    'INSERT INTO projection_versions (name, version, schema, tables, builder_pid) VALUES (?, ?, ?, ?, ?)',
  );
  const advance = db.prepare('UPDATE projection_versions SET position = ? WHERE name = ? AND version = ?');
  const poison = db.prepare(
    'UPDATE projection_versions SET poison_position = ?, poison_event_id = ?, poison_error = ? WHERE name = ? AND version = ?',
  );
  const release = db.prepare('UPDATE projection_versions SET builder_pid = NULL WHERE name = ? AND version = ?');
  const goLive = db.prepare(
    `INSERT INTO projections (name, schema, live_version) VALUES (?, ?, ?)
     ON CONFLICT (name, schema) DO UPDATE SET live_version = excluded.live_version`,
  );
  const selectTables = db.prepare<[string, number], { tables: string }>(
    'SELECT tables FROM projection_versions WHERE name = ? AND version = ?',
  );
  const remove = db.prepare('DELETE FROM projection_versions WHERE name = ? AND version = ?');
  const forget = db.prepare('DELETE FROM projections WHERE name = ? AND live_version = ?');

  return {
    all: (): readonly VersionRow[] => selectAll.all().map(toVersionRow),
    live: ({ name, schema }: Laid) => optionalRow(selectLive.get(name, schema)),
    one: (name: string, version: number) => optionalRow(selectOne.get(name, version)),
    /** Creates the tables of a new version, empty, beside whatever there is. */
    create({ name, schema, tables, createSql }: Projection, builderPid: number): number {
      const version = nextVersion.get(name)?.next ?? 1;
      db.exec(createSql(tableNames(version)));
      insert.run(name, version, schema, tables.map(tableNames(version)).join(' '), builderPid);
      return version;
    },
    advance: (name: string, version: number, position: number) => void advance.run(position, name, version),
    poison: (name: string, version: number, { position, eventId, error }: Poison) =>
      void poison.run(position, eventId, error, name, version),
    clearPoison: (name: string, version: number) => void poison.run(null, null, null, name, version),
    /** From the commit on, readers see this version. */
    goLive({ name, schema }: Laid, version: number): void {
      goLive.run(name, schema, version);
      release.run(name, version);
    },
    drop(name: string, version: number): void {
      const tables = selectTables.get(name, version)?.tables.split(' ') ?? [];
      for (const table of tables) db.exec(`DROP TABLE IF EXISTS ${table}`);
      remove.run(name, version);
      forget.run(name, version);
    },
  };
}

/** The projections were never built in this file, or not by a program with this schema: `ensureLive` builds them. */
export class NoLiveVersionError extends Error {
  override readonly name = 'NoLiveVersionError';
}

/** The live version of a projection as this program reads and writes it. Throws `NoLiveVersionError`. */
export function expectLive(versions: Versions, projection: Laid): VersionRow {
  const live = versions.live(projection);
  if (live !== null) return live;
  throw new NoLiveVersionError(`projection ${projection.name} has no live version of schema ${projection.schema}`);
}

function optionalRow(row: RawRow | undefined): VersionRow | null {
  return row === undefined ? null : toVersionRow(row);
}

function toVersionRow(row: RawRow): VersionRow {
  const { name, version, schema, position, builderPid, poisonPosition, poisonEventId, poisonError } = row;
  const poison =
    poisonPosition === null
      ? null
      : { position: poisonPosition, eventId: poisonEventId ?? '', error: poisonError ?? '' };
  return { name, version, schema, position, builderPid, poison, isLive: row.isLive === 1 };
}
