import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import type { BlobReference } from '../domain/ports/blobs.ts';
import { bytesOf } from './byte-stream.ts';

/**
 * Writes content into a new file, readable by the service alone (what may become public is decided above), and tells its digest.
 * With `sync` the bytes, though not the file's name, survive a power cut. What a failed write leaves behind is the caller's.
 */
export async function writeHashed(
  path: string,
  content: Uint8Array | Readable,
  { sync }: { readonly sync: boolean },
): Promise<BlobReference> {
  const hash = createHash('sha256');
  let bytes = 0;
  const file = await open(path, 'wx', 0o600);
  try {
    for await (const chunk of bytesOf(content)) {
      hash.update(chunk);
      bytes += chunk.byteLength;
      await writeAll(file, chunk);
    }
    if (sync) await file.sync();
  } finally {
    await file.close();
  }
  return { sha256: hash.digest('hex'), bytes, keyId: null };
}

async function writeAll(file: FileHandle, chunk: Uint8Array): Promise<void> {
  for (let written = 0; written < chunk.byteLength; ) {
    written += (await file.write(chunk, written)).bytesWritten;
  }
}
