import { accessSync, constants } from 'node:fs';
import { dirname } from 'node:path';
import Database from 'better-sqlite3';
import { LogUnavailableError } from '../domain/ports/event-log-errors.ts';
import { blobsTableSql } from './sqlite-blobs.ts';
import { eventsTableSql } from './sqlite-events-table.ts';
import { asUnavailable, isBusy } from './sqlite-faults.ts';

/** 'PRSM': tells the event log from any other SQLite file. */
const applicationId = 0x5052534d;
/** Version of the file's layout: of its tables, not of the events in it. */
export const logFileVersion = 1;

/** How long opening waits for other processes that open or create the same file. Blocks: nothing runs yet. */
const openTimeoutMs = 5_000;
/** How long a statement blocks the event loop on a lock. Longer waits are `retryWhileBusy`'s, which doesn't block. */
const busyTimeoutMs = 5;
/** The WAL is copied back once it has this many pages (of 4 KiB) … */
const walAutocheckpointPages = 1_000;
/** … and a file that grew beyond this is cut when it starts anew. */
const journalSizeLimitBytes = 8 * 1_048_576;

export type SqliteLocation = { readonly path: string; readonly readOnly?: boolean };

/**
 * Opens the event log's file, creates its tables in an empty one, and asserts what durability rests on. Throws
 * `LogUnavailableError` if the file isn't ours, is from a newer version, or can't be written (unless `readOnly`).
 */
export function openConnection({ path, readOnly = false }: SqliteLocation): Database.Database {
  const deadline = Date.now() + openTimeoutMs;
  for (;;) {
    try {
      return openOnce(path, readOnly);
    } catch (error) {
      // The change to WAL mode doesn't go through SQLite's own busy wait.
      if (!isBusy(error) || Date.now() > deadline) throw whyNotOpened(path, error);
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    }
  }
}

/** SQLite doesn't say that it couldn't write, and needs to even for reading: an index of the write-ahead log lies beside the file. */
function whyNotOpened(path: string, error: unknown): unknown {
  const fault = asUnavailable(path, error);
  const isReadOnly =
    mayAccess(path, constants.R_OK) && ![path, dirname(path)].every((place) => mayAccess(place, constants.W_OK));
  if (!(fault instanceof LogUnavailableError) || fault.reason !== 'cannotOpen' || !isReadOnly) return fault;
  return new LogUnavailableError('readOnly', `event log ${path}: file and folder must be writable, to read it too`, {
    cause: error,
    ...(fault.code === null ? {} : { code: fault.code }),
  });
}

function mayAccess(path: string, mode: number): boolean {
  try {
    accessSync(path, mode);
    return true;
  } catch {
    return false;
  }
}

function openOnce(path: string, readOnly: boolean): Database.Database {
  const db = open(path, readOnly);
  try {
    db.pragma(`busy_timeout = ${openTimeoutMs}`);
    if (!readOnly) {
      db.pragma('journal_mode = WAL');
      db.pragma('synchronous = FULL');
      // An insert under a trigger keeps undo copies of its pages: in memory rather than in a file beside /tmp.
      db.pragma('temp_store = MEMORY');
      db.pragma(`wal_autocheckpoint = ${walAutocheckpointPages}`);
      db.pragma(`journal_size_limit = ${journalSizeLimitBytes}`);
      db.transaction(() => createOrTouch(db, path)).immediate();
      assertPragma(db, path, 'synchronous', 2);
      assertPragma(db, path, 'wal_autocheckpoint', walAutocheckpointPages);
      assertPragma(db, path, 'journal_size_limit', journalSizeLimitBytes);
    }
    assertPragma(db, path, 'journal_mode', 'wal');
    assertPragma(db, path, 'application_id', applicationId);
    assertPragma(db, path, 'user_version', logFileVersion);
    db.pragma(`busy_timeout = ${busyTimeoutMs}`);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

function open(path: string, readOnly: boolean): Database.Database {
  try {
    return new Database(path, { readonly: readOnly, fileMustExist: readOnly });
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    // better-sqlite3 reports a missing folder before SQLite is asked.
    throw new LogUnavailableError('cannotOpen', `event log ${path}: it can't be opened`, { cause: error });
  }
}

/**
 * Creates the tables in an empty file, or else writes the application id again, which changes nothing but fails where
 * the file can't be written: SQLite opens such a file without a word and BEGIN IMMEDIATE then begins a read.
 */
function createOrTouch(db: Database.Database, path: string): void {
  const isEmpty = db.prepare('SELECT 1 FROM sqlite_schema').get() === undefined;
  if (isEmpty) {
    db.exec(eventsTableSql);
    db.exec(blobsTableSql);
    db.pragma(`user_version = ${logFileVersion}`);
  } else {
    assertPragma(db, path, 'application_id', applicationId);
  }
  db.pragma(`application_id = ${applicationId}`);
}

function assertPragma(db: Database.Database, path: string, name: string, expected: number | string): void {
  const actual = db.pragma(name, { simple: true });
  if (actual !== expected) {
    throw new LogUnavailableError('cannotOpen', `event log ${path}: ${name} is ${actual}, not ${expected}`);
  }
}
