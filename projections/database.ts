import Database from 'better-sqlite3';
import type { ProjectionDatabase } from './projection-database.ts';
import { versionTablesSql } from './versions.ts';

/** 'PRSP': tells this file from any other SQLite file. */
const applicationId = 0x50525350;
/** Rises when the two tables of `versions.ts` change: a file of another layout is emptied, and built anew from the log. */
const layoutVersion = 2;

/** How long opening waits for another process that opens or creates the same file. Blocks: nothing runs yet. */
const openTimeoutMs = 5_000;
/** How long a statement blocks the event loop on another process's write. Longer waits are `patiently`'s, which doesn't block. */
const busyTimeoutMs = 5;
const journalSizeLimitBytes = 8 * 1_048_576;

/** The file is another program's. */
export class ForeignDatabaseError extends Error {
  override readonly name = 'ForeignDatabaseError';
}

/** Opens (and in an empty file prepares) the read models' database. Whoever opens it closes it. */
export function openProjectionDatabase(path: string): ProjectionDatabase {
  const db = new Database(path, { timeout: openTimeoutMs });
  try {
    db.pragma('journal_mode = WAL');
    db.pragma('synchronous = NORMAL');
    db.pragma(`journal_size_limit = ${journalSizeLimitBytes}`);
    db.transaction(() => prepare(db, path)).immediate();
    db.pragma(`busy_timeout = ${busyTimeoutMs}`);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

function prepare(db: ProjectionDatabase, path: string): void {
  const tables = db.prepare<[], { name: string }>("SELECT name FROM sqlite_schema WHERE type = 'table'").all();
  if (tables.length > 0 && db.pragma('application_id', { simple: true }) !== applicationId) {
    throw new ForeignDatabaseError(`${path} is not a file of PRISM's read models`);
  }
  if (db.pragma('user_version', { simple: true }) !== layoutVersion) {
    for (const { name } of tables) db.exec(`DROP TABLE ${name}`);
  }
  db.exec(versionTablesSql);
  db.pragma(`application_id = ${applicationId}`);
  db.pragma(`user_version = ${layoutVersion}`);
}

/** Another connection holds the write lock. */
export function isBusy(error: unknown): boolean {
  return error instanceof Database.SqliteError && error.code.startsWith('SQLITE_BUSY');
}

const faultCodes = ['BUSY', 'LOCKED', 'FULL', 'IOERR', 'READONLY', 'NOMEM', 'CANTOPEN', 'CORRUPT', 'PROTOCOL'];

/** Whether SQLite or the disk failed, which passes or is mended: never the event's fault, so nothing is poisoned by it. */
export function isStorageFault(error: unknown): boolean {
  return error instanceof Database.SqliteError && faultCodes.some((code) => error.code.startsWith(`SQLITE_${code}`));
}
