import type { Readable } from 'node:stream';
import type { Blobs } from '../domain/ports/blobs.ts';
import type { BundleReader } from '../domain/ports/bundles.ts';
import { readArchive } from './intake.ts';
import { bundleLimits, type Refusal } from './zip-rules.ts';

/** An archive that intake once let in breaks a rule now: our fault (a stricter release, a wrong digest), no verdict. */
export class StoredBundleError extends Error {
  override readonly name = 'StoredBundleError';
  readonly archiveSha256: string;
  readonly refusal: Refusal;

  constructor(archiveSha256: string, refusal: Refusal) {
    super(`stored bundle ${archiveSha256} breaks ${refusal.rule}: ${refusal.detail}`);
    this.archiveSha256 = archiveSha256;
    this.refusal = refusal;
  }
}

/** Opens stored archives under the same rules as intake. Faults of the blob store go up unchanged. */
export function bundleReader(blobs: Blobs): BundleReader {
  return async (archiveSha256) => {
    const archive = await readAll(await blobs.open(archiveSha256), bundleLimits.archiveBytes + 1);
    const read = await readArchive(archive);
    if (read.kind === 'refused') throw new StoredBundleError(archiveSha256, read);
    return read.files;
  };
}

/** Stops behind `limitBytes`; up to there the stream is read to its end, where the blob's digest is checked. */
async function readAll(stream: Readable, limitBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let count = 0;
  for await (const chunk of stream) {
    const bytes = Buffer.from(chunk);
    count += bytes.length;
    chunks.push(bytes);
    if (count >= limitBytes) break;
  }
  return Buffer.concat(chunks);
}
