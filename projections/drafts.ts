import { type Folding, prepareTarget, type Target } from './apply-page.ts';
import type { Projection } from './projection.ts';
import type { ProjectionDatabase } from './projection-database.ts';
import { openScratchFile, type ScratchFile } from './scratch-file.ts';
import type { Skips } from './skips.ts';
import { projectionVersions, type VersionRow } from './versions.ts';

/** Empty versions of some projections in a scratch file, to be folded where nobody reads. */
export type Drafts = {
  readonly folding: Folding;
  readonly targets: readonly Target[];
  /** Where other connections find them, once it is closed here. */
  readonly file: Pick<ScratchFile, 'id' | 'path'>;
  rows(): readonly VersionRow[];
  close(): void;
  dispose(): void;
};

export function createDrafts(
  db: ProjectionDatabase,
  projections: readonly Projection[],
  skips: Skips,
  pid: number,
): Drafts {
  const scratch = openScratchFile(db, pid);
  const versions = projectionVersions(scratch.db);
  return {
    folding: { db: scratch.db, versions, skips },
    targets: projections.map((projection) => prepareTarget(scratch.db, projection, versions.create(projection, pid))),
    file: scratch,
    rows: versions.all,
    close: () => void scratch.db.close(),
    dispose: scratch.dispose,
  };
}
