import { liveReader } from '../../projections/live-reader.ts';
import type { Projection } from '../../projections/projection.ts';
import type { ProjectionDatabase } from '../../projections/projection-database.ts';

/** A read model for tests: counts events by type, and can't fold those of one type. */
export function countingProjection({
  name = 'counts',
  schema = 1,
  poisonType = '',
}: {
  readonly name?: string;
  readonly schema?: number;
  readonly poisonType?: string;
} = {}): Projection {
  return {
    name,
    schema,
    streams: ['submission-'],
    tables: [name],
    createSql: (table) => `CREATE TABLE ${table(name)} (type TEXT PRIMARY KEY, events INTEGER NOT NULL) STRICT;`,
    prepareFold(db, table) {
      const count = db.prepare(
        `INSERT INTO ${table(name)} (type, events) VALUES (?, 1) ON CONFLICT (type) DO UPDATE SET events = events + 1`,
      );
      return ({ event }) => {
        count.run(event.type);
        if (event.type === poisonType) throw new TypeError(`no idea what ${poisonType} means`);
      };
    },
  };
}

/** How many events the live version has counted, and up to which position. */
export function countQueries(db: ProjectionDatabase, projection: Projection) {
  const read = liveReader(db, projection, (table) =>
    db.prepare<[], { events: number | null }>(`SELECT sum(events) AS events FROM ${table(projection.name)}`),
  );
  return () => read((statement, position) => ({ events: statement.get()?.events ?? 0, position }));
}
