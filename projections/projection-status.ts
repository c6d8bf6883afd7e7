import type { ProjectionDatabase } from './projection-database.ts';
import { type Poison, projectionVersions } from './versions.ts';

/** How a version of a projection stands: what `prism projections list` and `/health` show. */
export type ProjectionStatus = {
  readonly name: string;
  readonly version: number;
  readonly schema: number;
  readonly state: 'live' | 'building' | 'poisoned' | 'leftover';
  readonly position: number;
  /** How far `position` is behind the log's head, in positions (sparse on a cluster). */
  readonly lag: number;
  readonly poison: Poison | null;
};

/** All versions there are, by name; `head` is the position of the log's newest event. */
export function projectionStatuses(db: ProjectionDatabase): (head: number) => readonly ProjectionStatus[] {
  const versions = projectionVersions(db);
  return (head) =>
    versions.all().map(({ name, version, schema, position, poison, isLive, builderPid }) => {
      const unread = builderPid === null ? 'leftover' : 'building';
      const state = poison !== null ? 'poisoned' : isLive ? 'live' : unread;
      return { name, version, schema, state, position, lag: Math.max(0, head - position), poison };
    });
}
