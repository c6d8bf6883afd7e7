import { dropLeftovers, isProcessAlive } from './leftovers.ts';
import { patiently } from './patiently.ts';
import type { Projection } from './projection.ts';
import { type RebuildOptions, rebuild } from './rebuild.ts';
import { projectionVersions, type Versions } from './versions.ts';

/**
 * Called at the start: drops what aborted rebuilds left, builds whatever has no live version of its schema, or one of another log, and then drops
 * what is read by other versions of the program alone. An unfinished version of a living process is left alone.
 */
export async function ensureLive(
  options: RebuildOptions,
  isAlive: (pid: number) => boolean = isProcessAlive,
): Promise<void> {
  const { db, log, projections, pid = process.pid } = options;
  const versions = projectionVersions(db);
  // In a container every life of a program may have the same pid.
  await dropLeftovers(db, versions, (builder) => builder === pid || !isAlive(builder));
  const stale = staleProjections(versions, projections, await log.head());
  if (stale.length > 0) await rebuild({ ...options, projections: stale, onPoison: 'accept' });
  await patiently(db, () => dropOthers(versions, projections));
}

/** Those without a live version, and those that are ahead of the log: made from another one, such as before a backup was restored. */
export function staleProjections(
  versions: Versions,
  projections: readonly Projection[],
  head: number,
): readonly Projection[] {
  return projections.filter((projection) => {
    const live = versions.live(projection);
    return live === null || live.position > head;
  });
}

function dropOthers(versions: Versions, projections: readonly Projection[]): void {
  for (const { name, schema, version, builderPid } of versions.all()) {
    const isOurs = projections.some((projection) => projection.name === name && projection.schema === schema);
    if (!isOurs && builderPid === null) versions.drop(name, version);
  }
}
