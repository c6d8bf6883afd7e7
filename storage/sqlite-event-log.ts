import type { Database } from 'better-sqlite3';
import type { Blobs } from '../domain/ports/blobs.ts';
import type { EventLog } from '../domain/ports/event-log.ts';
import { LogUnavailableError, type UnavailableReason } from '../domain/ports/event-log-errors.ts';
import { watchDataVersion } from './data-version.ts';
import { groupCommit } from './group-commit.ts';
import { assertPage, defaultPageSize } from './page.ts';
import { prepareAppend } from './prepared-append.ts';
import { retryWhileBusy } from './retry-while-busy.ts';
import { blobsTable, type SqliteAccess, sqliteBlobs } from './sqlite-blobs.ts';
import { openConnection, type SqliteLocation } from './sqlite-connection.ts';
import { eventsTable } from './sqlite-events-table.ts';
import { asUnavailable } from './sqlite-faults.ts';
import { walBytes, walGuard } from './sqlite-wal.ts';
import { writeFaults } from './sqlite-write-faults.ts';
import { toRecordedEvent } from './stored-event.ts';
import { subscriptionsTo } from './subscription.ts';

export type SqliteEventLog = EventLog & {
  /** Attachments and other small blobs, in the same file. */
  readonly blobs: Blobs;
  /** Size of the write-ahead log's file: a metric that must stay bounded. */
  walBytes(): number;
  /** Why the file can't be written; null as far as is known. */
  writeFault(): Promise<UnavailableReason | null>;
};

/** How often a log with subscribers looks for other processes' commits: costs about a hundredth of a core. */
const watchPeriodMs = 2;

/** Opens or creates the file at `path`; its folder must exist. Throws `LogUnavailableError`. */
export function openSqliteEventLog(location: SqliteLocation): SqliteEventLog {
  return sqliteEventLog(openConnection(location));
}

/**
 * The event log on one SQLite file, for any number of processes and of instances in one process. Takes the connection
 * over: `close` closes it.
 *
 * One connection reads and writes. Reads are whole pages fetched at once, never a cursor held across an await: a
 * pinned read transaction would keep the WAL from being copied back.
 */
export function sqliteEventLog(db: Database): SqliteEventLog {
  const events = eventsTable(db);
  const blobs = blobsTable(db);
  const subscriptions = subscriptionsTo(readAll, () => watchDataVersion(db, watchPeriodMs, subscriptions.wakeAll));
  const boundWal = walGuard(db);
  const commits = groupCommit(db, () => {
    subscriptions.wakeAll();
    boundWal();
  });
  const faults = writeFaults(db, (work) => commits.submit(work));
  const access: SqliteAccess = { read, write: (work) => faults.watch(commits.submit(work)) };

  async function read<T>(query: () => T): Promise<T> {
    assertOpen();
    try {
      return await retryWhileBusy(query);
    } catch (error) {
      throw asUnavailable(db.name, error);
    }
  }

  function assertOpen(): void {
    if (!db.open) throw new LogUnavailableError('closed', 'the event log is closed');
  }

  async function readAll(afterPosition: number, limit: number) {
    assertPage(afterPosition, limit);
    return (await read(() => events.pageOfAll(afterPosition, limit))).map(toRecordedEvent);
  }

  return {
    readAll,
    async append(stream, expected, envelopes, attachments = []) {
      const append = prepareAppend(stream, expected, envelopes, attachments);
      const work = () => {
        const result = events.append(append);
        if (result.kind === 'appended') attachments.forEach(blobs.insert);
        return result;
      };
      return faults.watch(commits.submit(work, envelopes.length));
    },
    async readStream(stream, fromRevision = 0, limit = defaultPageSize) {
      assertPage(fromRevision, limit);
      return (await read(() => events.pageOfStream(stream, fromRevision, limit))).map(toRecordedEvent);
    },
    head: () => read(events.head),
    subscribe(afterPosition, onPage) {
      assertOpen();
      assertPage(afterPosition, 1);
      return subscriptions.open(afterPosition, onPage);
    },
    async close() {
      await commits.close();
      await subscriptions.closeAll();
      if (db.open) db.close();
    },
    blobs: sqliteBlobs(blobs, access),
    walBytes: () => walBytes(db.name),
    writeFault: faults.current,
  };
}
