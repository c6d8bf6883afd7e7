import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { toAttachment, UnknownBlobError } from '../domain/blob-digest.ts';
import type { Blobs } from '../domain/ports/blobs.ts';
import { verified } from './verified-stream.ts';

/** Blobs that are forgotten, for tests. `stored` lets a test share them with a memory log, or damage them. */
export function memoryBlobs(stored: Map<string, Uint8Array> = new Map()): Blobs {
  return {
    async put(content) {
      const bytes = content instanceof Readable ? await buffer(content) : Uint8Array.from(content);
      const { reference } = toAttachment(bytes);
      stored.set(reference.sha256, bytes);
      return reference;
    },
    async open(sha256) {
      const bytes = stored.get(sha256);
      if (bytes === undefined) throw new UnknownBlobError(sha256);
      return verified(Readable.from([bytes], { objectMode: false }), sha256);
    },
    has: async (sha256) => stored.has(sha256),
  };
}
