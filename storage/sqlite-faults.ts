import Database from 'better-sqlite3';
import { LogUnavailableError, type UnavailableReason } from '../domain/ports/event-log-errors.ts';

type SqliteError = InstanceType<typeof Database.SqliteError>;

function isSqliteError(error: unknown): error is SqliteError {
  return error instanceof Database.SqliteError;
}

/** Another connection holds the lock that was asked for. */
export function isBusy(error: unknown): boolean {
  return isSqliteError(error) && error.code.startsWith('SQLITE_BUSY');
}

/** SQLite couldn't do it, rather than refuse a statement for what it says. */
export function isStoreFault(error: unknown): error is SqliteError {
  return isSqliteError(error) && !error.code.startsWith('SQLITE_CONSTRAINT');
}

const reasons: readonly (readonly [prefix: string, reason: UnavailableReason, text: string])[] = [
  ['SQLITE_FULL', 'diskFull', 'the disk is full'],
  ['SQLITE_READONLY', 'readOnly', 'it can only be read'],
  ['SQLITE_BUSY', 'busy', 'other processes kept it locked'],
  ['SQLITE_CORRUPT', 'damaged', 'the file is damaged'],
  ['SQLITE_NOTADB', 'damaged', 'the file is no SQLite database'],
  ['SQLITE_CANTOPEN', 'cannotOpen', "it can't be opened"],
];

/** A fault of the store as the log's, with SQLite's code; anything else as it is. */
export function asUnavailable(path: string, error: unknown): unknown {
  if (!isStoreFault(error)) return error;
  const [, reason, text] = reasons.find(([prefix]) => error.code.startsWith(prefix)) ?? [
    '',
    'inputOutput' as const,
    'reading or writing failed',
  ];
  return new LogUnavailableError(reason, `event log ${path}: ${text}`, { code: error.code, cause: error });
}
