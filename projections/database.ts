import Database from 'better-sqlite3';
import type { ProjectionDatabase } from './projection-database.ts';
import { versionTablesSql } from './versions.ts';

/** 'PRSP': tells this file from any other SQLite file. */
const applicationId = 0x50525350;

/** How long a statement waits for another process, such as a rebuild, that holds the write lock for a page. */
const busyTimeoutMs = 5_000;
const journalSizeLimitBytes = 8 * 1_048_576;

/** The file is another program's. */
export class ForeignDatabaseError extends Error {
  override readonly name = 'ForeignDatabaseError';
}

/** Opens (and in an empty file prepares) the read models' database. Whoever opens it closes it. */
export function openProjectionDatabase(path: string): ProjectionDatabase {
  const db = new Database(path, { timeout: busyTimeoutMs });
  try {
    db.pragma('journal_mode = WAL');
    db.pragma('synchronous = NORMAL');
    db.pragma(`journal_size_limit = ${journalSizeLimitBytes}`);
    db.transaction(() => prepare(db, path)).immediate();
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

function prepare(db: ProjectionDatabase, path: string): void {
  const isEmpty = db.prepare('SELECT 1 FROM sqlite_schema').get() === undefined;
  if (!isEmpty && db.pragma('application_id', { simple: true }) !== applicationId) {
    throw new ForeignDatabaseError(`${path} is not a file of PRISM's read models`);
  }
  db.exec(versionTablesSql);
  db.pragma(`application_id = ${applicationId}`);
}

const faultCodes = ['BUSY', 'LOCKED', 'FULL', 'IOERR', 'READONLY', 'NOMEM', 'CANTOPEN', 'CORRUPT', 'PROTOCOL'];

/** Whether SQLite or the disk failed, which passes or is mended: never the event's fault, so nothing is poisoned by it. */
export function isStorageFault(error: unknown): boolean {
  return error instanceof Database.SqliteError && faultCodes.some((code) => error.code.startsWith(`SQLITE_${code}`));
}
