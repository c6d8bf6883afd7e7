import { isProcessAlive } from './leftovers.ts';
import type { Projection } from './projection.ts';
import type { ProjectionDatabase } from './projection-database.ts';
import { type Poison, projectionVersions, type VersionRow } from './versions.ts';

/**
 * How a version of a projection stands: what `prism projections list`, `/health` and `/metrics` show. `otherProgram`: read by programs
 * with another schema alone; `leftover`: whoever built it died.
 */
export type ProjectionStatus = {
  readonly name: string;
  readonly version: number;
  readonly schema: number;
  readonly state: 'live' | 'poisoned' | 'building' | 'leftover' | 'otherProgram';
  readonly position: number;
  /** How far `position` is behind the log's head, in positions (sparse on a cluster). */
  readonly lag: number;
  readonly poison: Poison | null;
};

/** All versions there are, by name; `head` is the position of the log's newest event. */
export function projectionStatuses(
  db: ProjectionDatabase,
  projections: readonly Projection[],
): (head: number) => readonly ProjectionStatus[] {
  const versions = projectionVersions(db);
  return (head) =>
    versions.all().map((row) => {
      const { name, version, schema, position, poison } = row;
      return {
        name,
        version,
        schema,
        state: stateOf(row, projections),
        position,
        lag: Math.max(0, head - position),
        poison,
      };
    });
}

function stateOf({ name, schema, isLive, poison, builderPid }: VersionRow, projections: readonly Projection[]) {
  if (!isLive) return builderPid !== null && isProcessAlive(builderPid) ? 'building' : 'leftover';
  const isOurs = projections.some((projection) => projection.name === name && projection.schema === schema);
  if (!isOurs) return 'otherProgram';
  return poison === null ? 'live' : 'poisoned';
}
