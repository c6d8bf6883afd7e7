import type { Database } from 'better-sqlite3';
import { LogUnavailableError } from '../domain/ports/event-log-errors.ts';
import { busyPauseMs, lockWaitMs } from './retry-while-busy.ts';
import { asUnavailable, isBusy, isStoreFault } from './sqlite-faults.ts';

/**
 * Concurrent writes share one transaction and one fsync.
 *
 * Work submitted in one turn of the event loop, and whatever arrives while a commit blocks it, runs in the next turn
 * as a group: BEGIN IMMEDIATE, each piece in order, COMMIT. `setImmediate` rather than a microtask begins the group,
 * so that all requests read from sockets in one poll are in it.
 *
 * - A piece of work sees those before it.
 * - If a piece throws, the group is undone and each piece runs again in a transaction of its own: only the promise of
 *   the one that throws rejects. Work must therefore be repeatable, and should give expected verdicts as values. (A
 *   savepoint for each piece would do as well, but SQLite copies every page that is changed under one: that halves
 *   the throughput of large appends.)
 * - No promise resolves before COMMIT has returned, which under synchronous=FULL is after the WAL's fdatasync.
 * - A fault of the store (full disk, COMMIT refused) undoes the whole group; each promise rejects with
 *   `LogUnavailableError`, and the next group starts afresh.
 * - While other processes hold the write lock the group waits without blocking the event loop.
 *
 * Does not run asynchronous work: a transaction is never open across an await.
 */
export type GroupCommit = {
  submit<T>(work: () => T, rows?: number): Promise<T>;
  /** Refuses new work and resolves when what was submitted before is settled. */
  close(): Promise<void>;
};

/** Settles a promise, once the transaction has ended. */
type Settlement = () => void;

type Pending = {
  readonly rows: number;
  readonly run: () => Settlement;
  readonly reject: (error: unknown) => void;
};

/** Bounds how long one group blocks the event loop. */
const groupRowsLimit = 256;

export function groupCommit(db: Database, onCommit: () => void): GroupCommit {
  const transaction = transactionOf(db);
  const queue: Pending[] = [];
  let scheduled = false;
  let refusedSince: number | null = null;
  let closing: Promise<void> | null = null;

  function schedule(pauseMs = 0): void {
    if (scheduled) return;
    scheduled = true;
    if (pauseMs > 0) setTimeout(flush, pauseMs);
    else setImmediate(flush);
  }

  function flush(): void {
    scheduled = false;
    const fault = transaction.begin();
    if (fault === null) settle(transaction.runGroup(takeGroup(queue)));
    else postpone(fault);
    if (queue.length > 0) schedule();
  }

  /** Nothing has been written yet: waits for the other processes, or gives up for all that wait. */
  function postpone(fault: unknown): void {
    refusedSince ??= Date.now();
    if (isBusy(fault) && Date.now() - refusedSince < lockWaitMs) {
      schedule(busyPauseMs());
      return;
    }
    refusedSince = null;
    for (const { reject } of queue.splice(0)) reject(asUnavailable(db.name, fault));
  }

  function settle(settlements: readonly Settlement[]): void {
    refusedSince = null;
    for (const settlement of settlements) settlement();
    onCommit();
  }

  function submit<T>(work: () => T, rows = 1): Promise<T> {
    if (closing !== null) return Promise.reject(new LogUnavailableError('closed', 'the event log is closed'));
    return new Promise<T>((resolve, reject) => {
      const run = () => {
        const value = work();
        return () => resolve(value);
      };
      queue.push({ rows, run, reject });
      schedule();
    });
  }

  return {
    submit,
    close() {
      // Work is settled in the order it was submitted in, so the last piece is through when all are.
      closing ??= queue.length === 0 ? Promise.resolve() : submit(() => {}).catch(() => {});
      return closing;
    },
  };
}

/** As many from the queue's front as the limit allows, at least one. */
function takeGroup(queue: Pending[]): readonly Pending[] {
  let rows = 0;
  const end = queue.findIndex((pending, index) => {
    rows += pending.rows;
    return index > 0 && rows > groupRowsLimit;
  });
  return queue.splice(0, end < 0 ? queue.length : end);
}

function transactionOf(db: Database) {
  const beginImmediate = db.prepare('BEGIN IMMEDIATE');
  const commit = db.prepare('COMMIT');
  const rollback = db.prepare('ROLLBACK');

  /** Begins, or returns why not. */
  function begin(): unknown {
    try {
      beginImmediate.run();
      return null;
    } catch (error) {
      return error;
    }
  }

  /** Runs the group in the transaction that has begun, and ends it. Returns how to settle each promise; nothing is settled before. */
  function runGroup(group: readonly Pending[]): readonly Settlement[] {
    try {
      const settlements = group.map(({ run }) => run());
      commit.run();
      return settlements;
    } catch (error) {
      if (db.inTransaction) rollback.run();
      if (group.length > 1 && !isStoreFault(error)) return group.flatMap(runAlone);
      return group.map(
        ({ reject }) =>
          () =>
            reject(asUnavailable(db.name, error)),
      );
    }
  }

  function runAlone(pending: Pending): readonly Settlement[] {
    const fault = begin();
    if (fault === null) return runGroup([pending]);
    return [() => pending.reject(asUnavailable(db.name, fault))];
  }

  return { begin, runGroup };
}
