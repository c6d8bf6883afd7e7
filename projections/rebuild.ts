import type { EventLog } from '../domain/ports/event-log.ts';
import { type Folding, prepareTarget, type Target } from './apply-page.ts';
import { copyRows } from './copy-rows.ts';
import { createDrafts, type Drafts } from './drafts.ts';
import { atTheBeginning, expectUnfinished, type FoldProgress, foldLog, NewSkipError } from './fold-log.ts';
import { dropLeftovers, isProcessAlive } from './leftovers.ts';
import { patiently } from './patiently.ts';
import { type Projection, tableNames } from './projection.ts';
import type { ProjectionDatabase } from './projection-database.ts';
import { readSkips } from './skips.ts';
import { type Poison, projectionVersions, type Versions } from './versions.ts';

/**
 * Blue/green rebuild: new versions of some projections are folded from the beginning of the log in a scratch file, copied beside the
 * live ones in short transactions, caught up there, and swapped in by one row each, all in one transaction. Runs in any process or
 * thread, while the service runs in another; one read of the log feeds all projections that are rebuilt.
 *
 * Killed at any moment it leaves the live versions as they were, and a file and tables that nobody reads: the next rebuild or start
 * drops them. It reads the log and writes read models, and causes nothing else.
 */
export type RebuildOptions = {
  readonly db: ProjectionDatabase;
  readonly log: Pick<EventLog, 'readAll' | 'readStream' | 'head'>;
  readonly projections: readonly Projection[];
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: RebuildProgress) => void) | undefined;
  /**
   * `refuse` (default): the live version, poisoned itself or not, is better than a poisoned new one. `accept`: there is none to keep, and
   * one bad event must not stop the other projections from starting.
   */
  readonly onPoison?: 'refuse' | 'accept';
  readonly pid?: number;
};

/** `head` is the position of the log's newest event when the rebuild began, or of the last one read since. */
export type RebuildProgress = FoldProgress & { readonly phase: 'folding' | 'copying'; readonly head: number };

/** The new version met an event that it can't fold either: nothing was swapped. */
export class PoisonedRebuildError extends Error {
  override readonly name = 'PoisonedRebuildError';
  readonly projection: string;
  readonly poison: Poison;
  constructor(projection: string, poison: Poison) {
    super(`${projection} can't fold event ${poison.eventId} at position ${poison.position}: ${poison.error}`);
    this.projection = projection;
    this.poison = poison;
  }
}

/** Rebuilds and swaps. Throws the signal's reason when aborted; whatever it throws, the live versions still stand. */
export async function rebuild(options: RebuildOptions): Promise<void> {
  for (;;) {
    try {
      return await rebuildOnce(options);
    } catch (error) {
      if (!(error instanceof NewSkipError)) throw error;
    }
  }
}

async function rebuildOnce(options: RebuildOptions): Promise<void> {
  const { db, log, projections, pid = process.pid } = options;
  const versions = projectionVersions(db);
  await dropLeftovers(db, versions, (builder) => !isProcessAlive(builder));
  const folding = { db, versions, skips: await readSkips(log) };
  const targets = await patiently(db, () =>
    projections.map((projection) => prepareTarget(db, projection, versions.create(projection, pid))),
  );
  const folds = { ...options, onProgress: reporter(options, await log.head()), onPoison: poisonRule(options) };
  try {
    let progress = await buildApart(folds, folding, targets);
    let isAtEnd = false;
    while (!(await patiently(db, () => swap(versions, targets, isAtEnd)))) {
      const next = await foldLog(folds, folding, targets, progress);
      isAtEnd = next.position === progress.position;
      progress = next;
    }
    // What the projector gave to the old version between our last read and the swap is missing in the new one: too late to stop.
    await foldLog({ ...folds, signal: undefined }, folding, targets, progress);
  } finally {
    await patiently(db, () => dropUnread(versions, targets));
  }
}

type Folds = Parameters<typeof foldLog>[0] &
  Pick<RebuildOptions, 'db' | 'projections' | 'signal' | 'pid'> & {
    readonly onProgress: (progress: FoldProgress, phase?: RebuildProgress['phase']) => void;
  };

function reporter({ onProgress }: RebuildOptions, head: number): Folds['onProgress'] {
  return (progress, phase: RebuildProgress['phase'] = 'folding') =>
    onProgress?.({ ...progress, phase, head: Math.max(head, progress.position) });
}

function poisonRule({ onPoison = 'refuse' }: RebuildOptions): Folds['onPoison'] {
  return (name, poison) => {
    if (onPoison === 'refuse') throw new PoisonedRebuildError(name, poison);
  };
}

/** Folds the log as it is now in a scratch file, and copies what came of it into the tables of `targets`. */
async function buildApart(folds: Folds, folding: Folding, targets: readonly Target[]): Promise<FoldProgress> {
  const { db, projections, pid = process.pid } = folds;
  const drafts = createDrafts(db, projections, folding.skips, pid);
  try {
    const progress = await foldLog(folds, drafts.folding, drafts.targets, atTheBeginning);
    folds.onProgress(progress, 'copying');
    await copyDrafts(folds, drafts, folding.versions, targets);
    return progress;
  } finally {
    drafts.dispose();
  }
}

async function copyDrafts(
  { db, signal }: Folds,
  drafts: Drafts,
  versions: Versions,
  targets: readonly Target[],
): Promise<void> {
  const rows = drafts.rows();
  drafts.close();
  const attached = `drafts_${drafts.file.id}`;
  db.prepare(`ATTACH ? AS ${attached}`).run(drafts.file.path);
  try {
    for (const { projection, version } of targets) {
      const { name, tables } = projection;
      const draft = rows.find((row) => row.name === name);
      if (draft === undefined) throw new Error(`no draft of ${name} was made`);
      const [from, to] = [tableNames(draft.version), tableNames(version)];
      const stillWanted = () => {
        signal?.throwIfAborted();
        expectUnfinished(versions, name, version);
      };
      for (const table of tables) await copyRows(db, `${attached}.${from(table)}`, to(table), stillWanted);
      await patiently(db, () => {
        versions.advance(name, version, draft.position);
        if (draft.poison !== null) versions.poison(name, version, draft.poison);
      });
    }
  } finally {
    db.exec(`DETACH ${attached}`);
  }
}

/**
 * False, and nothing swapped, when a live version has folded further than its successor. Unless the log has nothing more:
 * then the live one was made from a longer log than this, such as before a backup was restored.
 */
function swap(versions: Versions, targets: readonly Target[], isAtEnd: boolean): boolean {
  const isBehind = targets.some(({ projection, version }) => {
    const next = expectUnfinished(versions, projection.name, version);
    return next.poison === null && (versions.live(projection)?.position ?? 0) > next.position;
  });
  if (isBehind && !isAtEnd) return false;
  for (const { projection, version } of targets) versions.goLive(projection, version);
  return true;
}

/** After a swap the older versions of the same schema, after a failure the unfinished ones. */
function dropUnread(versions: Versions, targets: readonly Target[]): void {
  for (const { projection, version } of targets) {
    for (const row of versions.all()) {
      if (row.name !== projection.name || row.isLive) continue;
      if (row.version === version || row.builderPid === null) versions.drop(row.name, row.version);
    }
  }
}
