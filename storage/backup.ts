/**
 * A copy of a data folder that stands for itself, made while the service writes and put back by `restore`.
 *
 *   backup.json      written last: what the rest must come to
 *   events.sqlite    the log as of one moment, small blobs included
 *   blobs/           the large blobs that it names
 *
 * Consistent because a blob is durable before the event that names it, and is never deleted: whatever a snapshot of the
 * log names is there when the snapshot is made. Read models aren't part of it: they are rebuilt from the log.
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { UnknownBlobError } from '../domain/blob-digest.ts';
import { blobsNamedIn } from '../domain/blob-references.ts';
import type { Blobs } from '../domain/ports/blobs.ts';
import { countSchema, digestSchema } from '../domain/values.ts';
import { makeDurableFolder, writeDurableFile } from './durable-folder.ts';
import { fileBlobs } from './file-blobs.ts';
import { logDigest } from './log-digest.ts';
import { logPages } from './log-pages.ts';
import { openConnection } from './sqlite-connection.ts';
import { sqliteEventLog } from './sqlite-event-log.ts';

export const backupSchema = z.strictObject({
  format: z.literal('prism-backup'),
  version: z.literal(1),
  /** Position of the newest event. */
  head: countSchema,
  events: countSchema,
  digest: digestSchema,
  /** Blobs beside the log. */
  largeBlobs: countSchema,
  largeBlobBytes: countSchema,
  /** Digests of blobs that events name and that nobody had. Empty for a sound log. */
  missingBlobs: z.array(digestSchema),
});
export type Backup = z.infer<typeof backupSchema>;

export const backupFiles = { manifest: 'backup.json', log: 'events.sqlite', blobs: 'blobs' } as const;

/** A folder that a backup would be written into, or restored into, holds something. */
export class FolderInUseError extends Error {
  override readonly name = 'FolderInUseError';
}

export async function assertUnused(folder: string): Promise<void> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  if (names.length > 0) throw new FolderInUseError(`${folder} is not empty`);
}

export type BackupOptions = {
  /** The log's file. Read only. */
  readonly logPath: string;
  readonly blobs: Pick<Blobs, 'open'>;
  /** Created; must be empty if it is there. */
  readonly folder: string;
  readonly onProgress?: (events: number, head: number) => void;
};

/** Throws `FolderInUseError`, `LogUnavailableError` or `StoredEventError`; what it leaves then has no manifest, and can't be restored. */
export async function backup({ logPath, blobs, folder, onProgress }: BackupOptions): Promise<Backup> {
  await assertUnused(folder);
  await makeDurableFolder(folder);
  const copy = join(folder, backupFiles.log);
  copyLog(logPath, copy);
  const log = sqliteEventLog(openConnection({ path: copy }));
  try {
    const files = fileBlobs(join(folder, backupFiles.blobs));
    const digest = logDigest();
    const head = await log.head();
    const missing = new Set<string>();
    let [largeBlobs, largeBlobBytes] = [0, 0];
    for await (const page of logPages(log, 0, head)) {
      for (const { envelope, bytes } of page) {
        digest.add(bytes);
        for (const { sha256 } of blobsNamedIn(envelope.data)) {
          if ((await log.blobs.has(sha256)) || (await files.has(sha256))) continue;
          const copied = await copyBlob(blobs, files, sha256);
          if (copied === null) missing.add(sha256);
          else [largeBlobs, largeBlobBytes] = [largeBlobs + 1, largeBlobBytes + copied];
        }
      }
      onProgress?.(digest.summary().events, head);
    }
    const made = { format: 'prism-backup', version: 1, head, ...digest.summary(), largeBlobs, largeBlobBytes } as const;
    const manifest = { ...made, missingBlobs: [...missing] };
    await writeDurableFile(join(folder, backupFiles.manifest), `${JSON.stringify(manifest, null, 2)}\n`);
    return manifest;
  } finally {
    await log.close();
  }
}

/** One read transaction: a snapshot, whatever others write meanwhile; synced by SQLite. Blocks the event loop. */
function copyLog(from: string, to: string): void {
  const db = openConnection({ path: from, readOnly: true });
  try {
    db.prepare('VACUUM INTO ?').run(to);
  } finally {
    db.close();
  }
}

/** Bytes copied, null where there is no such blob. Checks the digest on the way. */
async function copyBlob(from: Pick<Blobs, 'open'>, to: Pick<Blobs, 'put'>, sha256: string): Promise<number | null> {
  try {
    return (await to.put(await from.open(sha256))).bytes;
  } catch (error) {
    if (error instanceof UnknownBlobError) return null;
    throw error;
  }
}
