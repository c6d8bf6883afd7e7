import { randomUUID } from 'node:crypto';
import { type FileHandle, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { isDigest, UnknownBlobError } from '../domain/blob-digest.ts';
import type { Blobs } from '../domain/ports/blobs.ts';
import { BlobsUnavailableError } from '../domain/ports/blobs-errors.ts';
import { makeDurableFolder, syncFolder } from './durable-folder.ts';
import { writeHashed } from './hashed-file.ts';
import { verified } from './verified-stream.ts';

/**
 * Blobs as files, `<root>/<first two hex digits>/<digest>`. A blob is written under a temporary name in the same file
 * system, synced, renamed to its digest, and its folder is synced: at no moment does a name stand for other bytes, and
 * what `put` has acknowledged survives a power cut. Putting a blob again writes it again, which also heals a damaged one.
 */
export function fileBlobs(root: string): Blobs {
  const incoming = incomingFolder(root);
  const folders = durableFolders();
  const pathOf = (sha256: string) => join(root, sha256.slice(0, 2), sha256);

  async function moveIntoPlace(from: string, sha256: string): Promise<void> {
    const shard = join(root, sha256.slice(0, 2));
    await folders.make(shard);
    await rename(from, pathOf(sha256));
    await syncFolder(shard);
  }

  return {
    async put(content) {
      const temporary = join(incoming, randomUUID());
      try {
        await folders.make(incoming);
        const reference = await writeHashed(temporary, content, { sync: true });
        await moveIntoPlace(temporary, reference.sha256);
        return reference;
      } catch (error) {
        if (content instanceof Readable) content.destroy();
        await rm(temporary, { force: true });
        throw asUnavailable(root, error);
      }
    },
    async open(sha256) {
      const file = isDigest(sha256) ? await openIfThere(pathOf(sha256)) : null;
      if (file === null) throw new UnknownBlobError(sha256);
      return verified(file.createReadStream(), sha256);
    },
    async has(sha256) {
      if (!isDigest(sha256)) return false;
      return stat(pathOf(sha256)).then((found) => found.isFile(), absent(false));
    },
  };
}

function incomingFolder(root: string): string {
  return join(root, 'incoming');
}

/**
 * Removes what writers that died left on its way in: files that nobody has written to since `before`. Younger ones may be
 * another process's work in hand.
 */
export async function sweepIncoming(root: string, before: Date): Promise<void> {
  const folder = incomingFolder(root);
  for (const name of await readdir(folder).catch(absent([]))) {
    const path = join(folder, name);
    const found = await stat(path).catch(absent(null));
    if (found !== null && found.mtime < before) await rm(path, { force: true });
  }
}

const storeFaults: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full',
  EDQUOT: 'the quota is used up',
  EROFS: 'it can only be read',
  EACCES: "it mustn't be written",
  EIO: 'reading or writing failed',
};

/** What the file system couldn't do as the store's fault, with its code; anything else as it is. */
function asUnavailable(root: string, error: unknown): unknown {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const text = storeFaults[code];
  return text === undefined ? error : new BlobsUnavailableError(`blobs in ${root}: ${text}`, code, error);
}

function openIfThere(path: string): Promise<FileHandle | null> {
  return open(path, 'r').catch(absent(null));
}

/** Turns "no such file" into a value and leaves every other error an error. */
function absent<T>(value: T): (error: NodeJS.ErrnoException) => T {
  return (error) => {
    if (error.code === 'ENOENT') return value;
    throw error;
  };
}

/** Creates each folder once, durably; callers at the same time wait for the same creation. A failed one is tried again. */
function durableFolders() {
  const made = new Map<string, Promise<void>>();
  return {
    make(path: string): Promise<void> {
      const known = made.get(path);
      if (known !== undefined) return known;
      const making = makeDurableFolder(path);
      made.set(path, making);
      making.catch(() => made.delete(path));
      return making;
    },
  };
}
