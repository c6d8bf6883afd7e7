import type { EventLog } from '../domain/ports/event-log.ts';
import type { Target } from './apply-page.ts';
import { digestOf, firstDifference, type RowDifference, type TableDigest, type VersionedTable } from './digest.ts';
import { createDrafts, type Drafts } from './drafts.ts';
import { atTheBeginning, type FoldProgress, foldLog } from './fold-log.ts';
import { type Projection, tableNames } from './projection.ts';
import type { ProjectionDatabase } from './projection-database.ts';
import { copyToScratchFile } from './scratch-file.ts';
import { readSkips } from './skips.ts';
import { expectLive, type Poison, projectionVersions, type VersionRow } from './versions.ts';

export type VerifyOptions = {
  readonly db: ProjectionDatabase;
  readonly log: Pick<EventLog, 'readAll' | 'readStream'>;
  readonly projections: readonly Projection[];
  readonly signal?: AbortSignal | undefined;
  /** `head`: the position up to which is folded. */
  readonly onProgress?: ((progress: FoldProgress & { readonly head: number }) => void) | undefined;
  readonly pid?: number;
};

export type TableVerification = {
  readonly table: string;
  readonly live: TableDigest;
  readonly rebuilt: TableDigest;
  readonly difference: RowDifference | null;
};

/** A live version beside a fold of the log from zero to the same position. */
export type Verification = {
  readonly name: string;
  readonly version: number;
  readonly position: number;
  readonly isEqual: boolean;
  readonly tables: readonly TableVerification[];
  /** Where the live version has stopped: it is compared up to there. */
  readonly poison: Poison | null;
  /** An event before `position` that the fold from zero stopped at, and the live version didn't. */
  readonly stoppedAt: Poison | null;
};

/**
 * Compares live versions with what the log says they should be, while the service goes on: a copy of the read models at one moment, beside
 * a fold from zero up to the positions that the copy has. Takes the room of both on the disk for as long as it runs, and writes
 * nothing else. Throws `NoLiveVersionError` where there is nothing to compare.
 */
export async function verifyProjections(options: VerifyOptions): Promise<readonly Verification[]> {
  const { db, log, projections, pid = process.pid } = options;
  const copy = copyToScratchFile(db, pid);
  try {
    const versions = projectionVersions(copy.db);
    // After the copy: all that the copy's versions were let skip is among them.
    const skips = await readSkips(log);
    const drafts = createDrafts(db, projections, skips, pid);
    try {
      const sides = drafts.targets.map((target) => ({ target, live: expectLive(versions, target.projection) }));
      await foldUpTo(options, drafts, sides);
      return sides.map(({ target, live }) => compare(target, live, copy.db, drafts));
    } finally {
      drafts.dispose();
    }
  } finally {
    copy.dispose();
  }
}

type Side = { readonly target: Target; readonly live: VersionRow };

async function foldUpTo(
  { log, signal, onProgress }: VerifyOptions,
  { folding }: Drafts,
  sides: readonly Side[],
): Promise<void> {
  const targets = sides.map(({ target, live }) => ({ ...target, upTo: live.position }));
  const head = Math.max(0, ...targets.map(({ upTo }) => upTo));
  const report = (progress: FoldProgress) => onProgress?.({ ...progress, head });
  await foldLog({ log, signal, onProgress: report, onPoison: () => {} }, folding, targets, atTheBeginning);
}

function compare(
  { projection, version }: Target,
  live: VersionRow,
  copy: ProjectionDatabase,
  { folding }: Drafts,
): Verification {
  const [liveName, rebuiltName] = [tableNames(live.version), tableNames(version)];
  const tables = projection.tables.map((table) =>
    compareTable(table, { db: copy, table: liveName(table) }, { db: folding.db, table: rebuiltName(table) }),
  );
  const stoppedAt = folding.versions.one(projection.name, version)?.poison ?? null;
  const isEqual = stoppedAt === null && tables.every(({ difference }) => difference === null);
  const { name, position, poison } = live;
  return { name, version: live.version, position, isEqual, tables, poison, stoppedAt };
}

function compareTable(table: string, live: VersionedTable, rebuilt: VersionedTable): TableVerification {
  const digests = { live: digestOf(live), rebuilt: digestOf(rebuilt) };
  const isEqual = digests.live.sha256 === digests.rebuilt.sha256;
  return { table, ...digests, difference: isEqual ? null : firstDifference(live, rebuilt) };
}
