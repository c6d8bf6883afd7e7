import { statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Database } from 'better-sqlite3';
import { LogUnavailableError, type UnavailableReason } from '../domain/ports/event-log-errors.ts';

/** Less free space than this is a full disk: a group of appends with their attachments may need it. */
const spaceNeededBytes = 1_048_576;

/** Keeps in mind that the file refused a write, and finds out, when asked, whether it would still. A full disk it sees before any write. */
export type WriteFaults = {
  watch<T>(write: Promise<T>): Promise<T>;
  /** Null while writes work. */
  current(): Promise<UnavailableReason | null>;
};

export function writeFaults(db: Database, write: (work: () => void) => Promise<void>): WriteFaults {
  let refused: UnavailableReason | null = null;

  async function watch<T>(pending: Promise<T>): Promise<T> {
    try {
      return await pending;
    } catch (error) {
      if (error instanceof LogUnavailableError && error.reason !== 'closed') refused = error.reason;
      throw error;
    }
  }

  return {
    watch,
    async current() {
      if (freeBytes(db.name) < spaceNeededBytes) return 'diskFull';
      if (refused === null) return null;
      refused = null;
      await watch(write(() => touch(db))).catch(() => {});
      return refused;
    },
  };
}

/** A write that changes nothing. */
function touch(db: Database): void {
  db.pragma(`application_id = ${db.pragma('application_id', { simple: true })}`);
}

function freeBytes(path: string): number {
  const { bavail, bsize } = statfsSync(dirname(path));
  return bavail * bsize;
}
