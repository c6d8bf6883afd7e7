import { statSync } from 'node:fs';
import type { Database } from 'better-sqlite3';

/** The WAL may grow to this while readers keep SQLite's own checkpoints from finishing. */
const walLimitBytes = 64 * 1_048_576;
/** Asking the file system for the size costs little, but not nothing. */
const commitsBetweenLooks = 128;

/** Bytes of the write-ahead log's file, 0 where there is none. */
export function walBytes(path: string): number {
  return statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0;
}

/**
 * To be called after every commit: copies an overgrown WAL back and cuts its file. SQLite's automatic checkpoint never
 * waits for a reader, so under readers that overlap without a pause it may never reach the end; this one waits for as
 * long as the busy timeout.
 */
export function walGuard(db: Database, limitBytes = walLimitBytes): () => void {
  let commits = 0;
  return () => {
    commits += 1;
    if (commits % commitsBetweenLooks !== 0 || walBytes(db.name) <= limitBytes) return;
    try {
      db.pragma('wal_checkpoint(TRUNCATE)');
    } catch {
      // A checkpoint is never needed for correctness; what ails the file the next append reports.
    }
  };
}
