import type { Database } from 'better-sqlite3';

/**
 * Looks every `periodMs` whether another connection, of this process or another, has committed to the file. SQLite
 * answers from shared memory in a few µs; watching the `-wal` file would miss changes. Returns how to stop. The timer
 * doesn't keep the process alive.
 */
export function watchDataVersion(db: Database, periodMs: number, onChange: () => void): () => void {
  const dataVersion = db.prepare<[], number>('PRAGMA data_version').pluck();
  let seen = dataVersion.get();
  const timer = setInterval(() => {
    const now = readVersion();
    if (now !== seen) onChange();
    seen = now;
  }, periodMs);
  timer.unref();

  /** A version that can't be read counts as changed: whoever then reads meets the fault and can report it. */
  function readVersion(): number | undefined {
    try {
      return dataVersion.get();
    } catch {
      return undefined;
    }
  }

  return () => clearInterval(timer);
}
