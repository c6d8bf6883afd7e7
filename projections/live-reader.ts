import { type Projection, type TableNames, tableNames } from './projection.ts';
import type { ProjectionDatabase } from './projection-database.ts';
import { expectLive, projectionVersions } from './versions.ts';

/** Runs a query on the live version; also told is the position up to which that version has folded. */
export type LiveReader<Statements> = <Result>(query: (statements: Statements, position: number) => Result) => Result;

/**
 * Every query asks which version is live, and reads it, in one read transaction: rows, position and version belong
 * together, and a swap or a drop by another process can't come between. Statements are prepared once a version.
 */
export function liveReader<Statements>(
  db: ProjectionDatabase,
  projection: Pick<Projection, 'name' | 'schema'>,
  prepare: (table: TableNames) => Statements,
): LiveReader<Statements> {
  const versions = projectionVersions(db);
  let prepared: { readonly version: number; readonly statements: Statements } | null = null;
  return (query) =>
    db
      .transaction(() => {
        const live = expectLive(versions, projection);
        if (prepared?.version !== live.version) {
          prepared = { version: live.version, statements: prepare(tableNames(live.version)) };
        }
        return query(prepared.statements, live.position);
      })
      .deferred();
}
