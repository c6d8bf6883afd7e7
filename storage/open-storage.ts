import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Blobs } from '../domain/ports/blobs.ts';
import type { EventLog } from '../domain/ports/event-log.ts';
import type { UnavailableReason } from '../domain/ports/event-log-errors.ts';
import { makeDurableFolder } from './durable-folder.ts';
import { fileBlobs, sweepIncoming } from './file-blobs.ts';
import { memoryBlobs } from './memory-blobs.ts';
import { memoryEventLog } from './memory-event-log.ts';
import { openSqliteEventLog } from './sqlite-event-log.ts';
import { splitUrl, UnsupportedStorageError } from './storage-url.ts';
import { tieredBlobs } from './tiered-blobs.ts';

export type StorageLocation = {
  /** `sqlite:<folder>`, or `esdb://…` (`parseKurrentUrl`). By default SQLite in the data folder. */
  readonly url?: string;
  /** `files`, `files:<folder>`, or `s3://…` (`parseS3Url`). By default files in the folder of the log, or the data folder. */
  readonly blobsUrl?: string;
  /** The folder of this host: what isn't said to be elsewhere is here. */
  readonly dataDir?: string;
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

/** A blob on its way in that hasn't grown for so long never will. */
const incomingPatienceMs = 3_600_000;

/**
 * Opens the event log and the blobs that belong to it. In a folder: `events.sqlite`, which holds small blobs too, and
 * `blobs/`, which holds large ones. A cluster's log holds no blobs. Creates what is missing unless `readOnly`. Throws
 * `UnsupportedStorageError` for urls that can't be used.
 */
export async function openStorage(location: StorageLocation): Promise<Storage> {
  const { url = `sqlite:${location.dataDir ?? ''}`, readOnly = false } = location;
  const { scheme, rest } = splitUrl(url);
  if (scheme === 'sqlite' && rest !== '') return openInFolder(rest, location);
  if (!/^(esdb|kurrentdb)(\+discover)?$/.test(scheme)) {
    throw new UnsupportedStorageError('an event log is sqlite:<folder> or esdb://<host>');
  }
  // Whoever stays on one machine doesn't load the client.
  const { openKurrentEventLog } = await import('./kurrent-event-log.ts');
  const opened = await openBlobs(location, location.dataDir ?? null);
  const log = openKurrentEventLog({ url, blobs: opened.blobs, readOnly });
  return {
    ...{ log, blobs: opened.blobs },
    walBytes: () => 0,
    writeFault: async () => null, // A cluster that can't be written can't be read either: asking for the head shows it.
    close: () => log.close().finally(opened.close),
  };
}

async function openInFolder(folder: string, location: StorageLocation): Promise<Storage> {
  const { readOnly = false } = location;
  if (!readOnly) await makeDurableFolder(folder);
  const large = await openBlobs(location, folder);
  const log = openSqliteEventLog({ path: join(folder, 'events.sqlite'), readOnly });
  return {
    log,
    blobs: tieredBlobs(log.blobs, large.blobs),
    ...{ walBytes: log.walBytes, writeFault: log.writeFault },
    close: () => log.close().finally(large.close),
  };
}

/** Storage that is forgotten, for tests. Attachments are found among the blobs, as everywhere. */
export function memoryStorage(): Storage {
  const stored = new Map<string, Uint8Array>();
  const log = memoryEventLog(({ sha256, bytes }) => stored.set(sha256, bytes));
  return { log, blobs: memoryBlobs(stored), walBytes: () => 0, writeFault: async () => null, close: log.close };
}

async function openBlobs(
  { blobsUrl = 'files', dataDir, readOnly = false }: StorageLocation,
  folder: string | null,
): Promise<{ readonly blobs: Blobs; close(): void }> {
  const { scheme, rest } = splitUrl(blobsUrl);
  if (scheme === 's3') {
    const [{ s3Blobs }, { parseS3Url }] = await Promise.all([import('./s3-blobs.ts'), import('./s3-location.ts')]);
    const blobs = s3Blobs({ location: parseS3Url(blobsUrl), spoolFolder: join(dataDir ?? tmpdir(), 'incoming') });
    return { blobs, close: blobs.close };
  }
  const given = blobsUrl === 'files' && folder !== null ? join(folder, 'blobs') : scheme === 'files' ? rest : '';
  if (given === '') throw new UnsupportedStorageError('blobs are files, files:<folder> or s3://<bucket>');
  if (!readOnly) await sweepIncoming(given, new Date(Date.now() - incomingPatienceMs));
  return { blobs: fileBlobs(given), close: () => {} };
}
