import { copyFile, open, readFile, rename, rm, rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { finished } from 'node:stream/promises';
import { blobsNamedIn } from '../domain/blob-references.ts';
import type { Blobs } from '../domain/ports/blobs.ts';
import { assertUnused, type Backup, backupFiles, backupSchema } from './backup.ts';
import { makeDurableFolder, syncFolder } from './durable-folder.ts';
import { fileBlobs } from './file-blobs.ts';
import { logDigest } from './log-digest.ts';
import { logPages } from './log-pages.ts';
import { openStorage, type Storage } from './open-storage.ts';

/** The folder is no whole backup, or what is in it isn't what it was. */
export class DamagedBackupError extends Error {
  override readonly name = 'DamagedBackupError';
}

export type RestoreOptions = {
  readonly folder: string;
  /** The data folder to be; must be empty if it is there. */
  readonly dataDir: string;
  readonly onProgress?: (events: number, backup: Backup) => void;
};

/**
 * Puts a backup back as a data folder: a copy beside it is verified event by event and blob by blob, and renamed when
 * everything is as it was. Throws `FolderInUseError`, `DamagedBackupError`, `CorruptBlobError` or `StoredEventError`; there
 * is no data folder then.
 */
export async function restore({ folder, dataDir, onProgress }: RestoreOptions): Promise<Backup> {
  await assertUnused(dataDir);
  const manifest = await readManifest(folder);
  const staging = `${dataDir}.restoring`;
  await rm(staging, { recursive: true, force: true });
  await makeDurableFolder(staging);
  try {
    await copyDurably(join(folder, backupFiles.log), join(staging, backupFiles.log));
    const storage = await openStorage({ dataDir: staging });
    try {
      await verify(storage, manifest, fileBlobs(join(folder, backupFiles.blobs)), onProgress);
    } finally {
      await storage.close();
    }
    await syncFolder(staging);
    await rmdir(dataDir).catch(ignoreAbsent);
    await rename(staging, dataDir);
    await syncFolder(dirname(dataDir));
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
  return manifest;
}

async function readManifest(folder: string): Promise<Backup> {
  try {
    return backupSchema.parse(JSON.parse(await readFile(join(folder, backupFiles.manifest), 'utf8')));
  } catch (cause) {
    throw new DamagedBackupError(`${folder} is no whole backup: ${backupFiles.manifest} is missing or unreadable`, {
      cause,
    });
  }
}

async function verify(
  { log, blobs }: Storage,
  manifest: Backup,
  large: Blobs,
  onProgress: RestoreOptions['onProgress'],
): Promise<void> {
  const digest = logDigest();
  const known = new Set(manifest.missingBlobs);
  for await (const page of logPages(log, 0, await log.head())) {
    for (const { envelope, bytes } of page) {
      digest.add(bytes);
      for (const { sha256 } of blobsNamedIn(envelope.data)) {
        if (known.has(sha256)) continue;
        known.add(sha256);
        // Small ones came with the log; reading one to its end checks it.
        if (await blobs.has(sha256)) await finished((await blobs.open(sha256)).resume());
        else await blobs.put(await large.open(sha256));
      }
    }
    onProgress?.(digest.summary().events, manifest);
  }
  const { events, digest: actual } = digest.summary();
  if (events !== manifest.events || actual !== manifest.digest) {
    throw new DamagedBackupError(`the log holds ${events} events of digest ${actual}, not what was backed up`);
  }
}

async function copyDurably(from: string, to: string): Promise<void> {
  await copyFile(from, to);
  const file = await open(to, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

function ignoreAbsent(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}
