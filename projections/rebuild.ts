import { setImmediate } from 'node:timers/promises';
import type { EventLog } from '../domain/ports/event-log.ts';
import { applyPage, parsedOnce, prepareTarget, type Target } from './apply-page.ts';
import type { PageEvent, Projection } from './projection.ts';
import type { ProjectionDatabase } from './projection-database.ts';
import { type Poison, projectionVersions, type Versions } from './versions.ts';

/**
 * Blue/green rebuild: new versions of some projections are built beside the live ones from the beginning of the log, caught up, and
 * swapped in by one row each, all in one transaction. Runs in any process or thread, while the service runs in another;
 * one read of the log feeds all projections that are rebuilt.
 *
 * Killed at any moment it leaves the live versions as they were, and tables that nobody reads: `ensureLive` of the next start
 * drops them. It reads the log and writes read models, and causes nothing else.
 */
export type RebuildOptions = {
  readonly db: ProjectionDatabase;
  readonly log: Pick<EventLog, 'readAll' | 'head'>;
  readonly projections: readonly Projection[];
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: RebuildProgress) => void;
  /**
   * `refuse` (default): the live version, poisoned itself or not, is better than a poisoned new one. `accept`: there is none to keep, and
   * one bad event must not stop the other projections from starting.
   */
  readonly onPoison?: 'refuse' | 'accept';
  readonly pid?: number;
};

/** How far the new versions are, and how many events were read for it. */
export type RebuildProgress = { readonly position: number; readonly events: number };

/** The new version met an event that it can't fold either: nothing was swapped. */
export class PoisonedRebuildError extends Error {
  override readonly name = 'PoisonedRebuildError';
  readonly poison: Poison;
  constructor(projection: string, poison: Poison) {
    super(`${projection} can't fold event ${poison.eventId} at position ${poison.position}: ${poison.error}`);
    this.poison = poison;
  }
}

/** Another process took the unfinished tables for leftovers and dropped them. The live ones are untouched. */
export class RebuildSupersededError extends Error {
  override readonly name = 'RebuildSupersededError';
}

const pageSize = 1_000;

/** Rebuilds and swaps. Throws the signal's reason when aborted; whatever it throws, the live versions still stand. */
export async function rebuild(options: RebuildOptions): Promise<void> {
  const { db, projections, pid = process.pid } = options;
  const versions = projectionVersions(db);
  const targets = inTransaction(db, () =>
    projections.map((projection) => prepareTarget(db, projection, versions.create(projection, pid))),
  );
  try {
    let progress = await catchUp(options, versions, targets, { position: 0, events: 0 });
    let isAtEnd = false;
    while (!inTransaction(db, () => swap(versions, targets, isAtEnd))) {
      const next = await catchUp(options, versions, targets, progress);
      isAtEnd = next.position === progress.position;
      progress = next;
    }
    // What the projector gave to the old version between our last read and the swap is missing in the new one.
    await catchUp(options, versions, targets, progress);
  } finally {
    inTransaction(db, () => dropUnread(versions, targets));
  }
}

function inTransaction<Result>(db: ProjectionDatabase, work: () => Result): Result {
  return db.transaction(work).immediate();
}

async function catchUp(
  options: RebuildOptions,
  versions: Versions,
  targets: readonly Target[],
  from: RebuildProgress,
): Promise<RebuildProgress> {
  const { db, log, signal, onProgress } = options;
  let progress = from;
  for (;;) {
    signal?.throwIfAborted();
    const page = await log.readAll(progress.position, pageSize);
    const last = page.at(-1);
    if (last === undefined) return progress;
    const parsed = parsedOnce(page);
    inTransaction(db, () => {
      for (const target of targets) applyToBuild(options, versions, target, parsed);
    });
    progress = { position: last.position, events: progress.events + page.length };
    onProgress?.(progress);
    await setImmediate();
  }
}

function applyToBuild(
  { db, onPoison = 'refuse' }: RebuildOptions,
  versions: Versions,
  target: Target,
  page: readonly PageEvent[],
): void {
  const { name } = target.projection;
  const row = versions.one(name, target.version);
  if (row === null)
    throw new RebuildSupersededError(`${name} version ${target.version} was dropped while it was built`);
  applyPage(db, versions, target, row, page);
  const poison = versions.one(name, target.version)?.poison ?? null;
  if (poison !== null && !row.isLive && onPoison === 'refuse') throw new PoisonedRebuildError(name, poison);
}

/**
 * False, and nothing swapped, when a live version has folded further than its successor. Unless the log has nothing more:
 * then the live one was made from a longer log than this, such as before a backup was restored.
 */
function swap(versions: Versions, targets: readonly Target[], isAtEnd: boolean): boolean {
  const rows = targets.map(({ projection: { name }, version }) => ({
    old: versions.live(name),
    next: versions.one(name, version),
  }));
  for (const { next } of rows) {
    if (next === null) throw new RebuildSupersededError('the new version was dropped while it was built');
  }
  const isBehind = rows.some(({ old, next }) => next?.poison === null && (old?.position ?? 0) > next.position);
  if (isBehind && !isAtEnd) return false;
  for (const { projection, version } of targets) versions.goLive(projection.name, version);
  return true;
}

/** After a swap the older versions, after a failure the unfinished ones. */
function dropUnread(versions: Versions, targets: readonly Target[]): void {
  for (const { projection, version } of targets) {
    for (const row of versions.all()) {
      if (row.name !== projection.name || row.isLive) continue;
      if (row.version === version || row.builderPid === null) versions.drop(row.name, row.version);
    }
  }
}

/**
 * Called at the start, before the projector: drops what aborted rebuilds left, then builds whatever has no live version, one
 * that another version of the program laid out, or one of another log. An unfinished version of a living process is left alone.
 */
export async function ensureLive(
  options: RebuildOptions,
  isAlive: (pid: number) => boolean = isProcessAlive,
): Promise<void> {
  const { db, projections, pid = process.pid } = options;
  const versions = projectionVersions(db);
  inTransaction(db, () => {
    for (const { name, version, isLive, builderPid } of versions.all()) {
      const isBeingBuilt = builderPid !== null && builderPid !== pid && isAlive(builderPid);
      if (!isLive && !isBeingBuilt) versions.drop(name, version);
    }
  });
  const head = await options.log.head();
  const stale = projections.filter(({ name, schema }) => {
    const live = versions.live(name);
    // Ahead of the log: made from another one, such as before a backup was restored.
    return live === null || live.schema !== schema || live.position > head;
  });
  if (stale.length > 0) await rebuild({ ...options, projections: stale, onPoison: 'accept' });
}

function isProcessAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
