import { randomUUID } from 'node:crypto';
import { readdirSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import Database from 'better-sqlite3';
import type { ProjectionDatabase } from './projection-database.ts';
import { versionTablesSql } from './versions.ts';

/**
 * A file beside the read models' own, for work that nobody reads before it is through. Nothing waits for its locks and nothing is synced,
 * which makes a build twice as fast as one in the shared file; a process that dies leaves only the file.
 */
export type ScratchFile = {
  /** Unlike that of any other, and fit for an SQL name. */
  readonly id: string;
  readonly path: string;
  readonly db: ProjectionDatabase;
  /** Closes and removes it. */
  dispose(): void;
};

export function openScratchFile(db: ProjectionDatabase, pid: number): ScratchFile {
  const id = newId();
  const path = scratchPath(db, pid, id);
  const scratch = new Database(path);
  scratch.pragma('locking_mode = EXCLUSIVE');
  scratch.pragma('journal_mode = MEMORY');
  scratch.pragma('synchronous = OFF');
  scratch.exec(versionTablesSql);
  return ownedFile(id, path, scratch);
}

/** A copy of the read models at one moment. The copying reads one snapshot, in one statement. */
export function copyToScratchFile(db: ProjectionDatabase, pid: number): ScratchFile {
  const id = newId();
  const path = scratchPath(db, pid, id);
  try {
    db.prepare('VACUUM INTO ?').run(path);
    return ownedFile(id, path, new Database(path));
  } catch (error) {
    removeFile(path);
    throw error;
  }
}

function ownedFile(id: string, path: string, db: ProjectionDatabase): ScratchFile {
  return {
    id,
    path,
    db,
    dispose() {
      db.close();
      removeFile(path);
    },
  };
}

const marker = '.scratch-';

function newId(): string {
  return randomUUID().slice(0, 8);
}

function scratchPath(db: ProjectionDatabase, pid: number, id: string): string {
  return `${db.name}${marker}${pid}-${id}`;
}

/** Removes what dead processes left; `isLeftover` is asked about the process that made a file. */
export function removeScratchFiles(db: ProjectionDatabase, isLeftover: (pid: number) => boolean): void {
  const folder = dirname(db.name);
  const prefix = `${basename(db.name)}${marker}`;
  for (const name of readdirSync(folder)) {
    if (name.startsWith(prefix) && isLeftover(Number.parseInt(name.slice(prefix.length), 10)))
      removeFile(join(folder, name));
  }
}

function removeFile(path: string): void {
  for (const suffix of ['', '-journal', '-wal', '-shm']) rmSync(`${path}${suffix}`, { force: true });
}
