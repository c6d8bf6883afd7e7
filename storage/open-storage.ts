import { join } from 'node:path';
import type { Blobs } from '../domain/ports/blobs.ts';
import type { EventLog } from '../domain/ports/event-log.ts';
import type { UnavailableReason } from '../domain/ports/event-log-errors.ts';
import { makeDurableFolder } from './durable-folder.ts';
import { fileBlobs, sweepIncoming } from './file-blobs.ts';
import { memoryBlobs } from './memory-blobs.ts';
import { memoryEventLog } from './memory-event-log.ts';
import { openSqliteEventLog } from './sqlite-event-log.ts';
import { tieredBlobs } from './tiered-blobs.ts';

/** `dataDir` is short for the url `sqlite:<dataDir>`. */
export type StorageLocation = ({ readonly dataDir: string } | { readonly url: string }) & {
  readonly readOnly?: boolean;
};

export type Storage = {
  readonly log: EventLog;
  readonly blobs: Blobs;
  /** Size of the log's write-ahead file; 0 for logs without one. */
  walBytes(): number;
  /** Why the log can't be written, learnt from writes that it refused; null for all that is known. */
  writeFault(): Promise<UnavailableReason | null>;
  close(): Promise<void>;
};

/** A storage url that names no adapter of this version. */
export class UnsupportedStorageError extends Error {
  override readonly name = 'UnsupportedStorageError';
}

/** A blob on its way in that hasn't grown for so long never will. */
const incomingPatienceMs = 3_600_000;

/**
 * Opens the event log and the blobs that belong to it. In a data folder: `events.sqlite`, which holds small blobs too,
 * and `blobs/`, which holds large ones. Creates what is missing unless `readOnly`.
 */
export async function openStorage(location: StorageLocation): Promise<Storage> {
  const folder = folderOf(location);
  const readOnly = location.readOnly ?? false;
  const files = join(folder, 'blobs');
  if (!readOnly) {
    await makeDurableFolder(folder);
    await sweepIncoming(files, new Date(Date.now() - incomingPatienceMs));
  }
  const log = openSqliteEventLog({ path: join(folder, 'events.sqlite'), readOnly });
  const blobs = tieredBlobs(log.blobs, fileBlobs(files));
  return { log, blobs, walBytes: log.walBytes, writeFault: log.writeFault, close: log.close };
}

/** Storage that is forgotten, for tests. Attachments are found among the blobs, as everywhere. */
export function memoryStorage(): Storage {
  const stored = new Map<string, Uint8Array>();
  const log = memoryEventLog(({ sha256, bytes }) => stored.set(sha256, bytes));
  return { log, blobs: memoryBlobs(stored), walBytes: () => 0, writeFault: async () => null, close: log.close };
}

function folderOf(location: StorageLocation): string {
  if ('dataDir' in location) return location.dataDir;
  const [, scheme = '', rest = ''] = /^([a-z][a-z+]*):(.*)$/.exec(location.url) ?? [];
  if (scheme === 'sqlite' && rest !== '') return rest;
  if (/^(esdb|kurrentdb)(\+discover)?$/.test(scheme)) {
    throw new UnsupportedStorageError(
      `${scheme}: the EventStoreDB / KurrentDB adapter is not part of this version yet; use sqlite:<data folder>`,
    );
  }
  throw new UnsupportedStorageError('a storage url is sqlite:<data folder>');
}
