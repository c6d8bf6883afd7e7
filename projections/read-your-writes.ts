import type { Projection } from './projection.ts';
import type { ProjectionDatabase } from './projection-database.ts';
import type { Projector } from './projector.ts';
import { projectionVersions } from './versions.ts';

/**
 * Whether some projections show what the log holds up to a position: true as soon as they do, false after a bounded time, and at once
 * where one of them has stopped at an event before it.
 */
export type Projected = (position: number, projections: readonly Projection[]) => Promise<boolean>;

export function readYourWrites(
  db: ProjectionDatabase,
  projector: Pick<Projector, 'waitFor'>,
  patienceMs: number,
): Projected {
  const versions = projectionVersions(db);
  return async (position, projections) => {
    const hasStopped = projections.some((projection) => (versions.live(projection)?.poison ?? null) !== null);
    await projector.waitFor(position, hasStopped ? 0 : patienceMs);
    // Asked of the rows themselves: the projector's own position passes over those that have stopped or are being built.
    return projections.every((projection) => (versions.live(projection)?.position ?? -1) >= position);
  };
}
