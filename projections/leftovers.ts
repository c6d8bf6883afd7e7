import { patiently } from './patiently.ts';
import type { ProjectionDatabase } from './projection-database.ts';
import { removeScratchFiles } from './scratch-file.ts';
import type { Versions } from './versions.ts';

/** Drops the unfinished versions and scratch files of builders that `isLeftover` says are gone. */
export async function dropLeftovers(
  db: ProjectionDatabase,
  versions: Versions,
  isLeftover: (builderPid: number) => boolean,
): Promise<void> {
  await patiently(db, () => {
    for (const { name, version, isLive, builderPid } of versions.all()) {
      if (!isLive && builderPid !== null && isLeftover(builderPid)) versions.drop(name, version);
    }
  });
  removeScratchFiles(db, isLeftover);
}

export function isProcessAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
