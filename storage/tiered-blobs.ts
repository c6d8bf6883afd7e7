import { Readable } from 'node:stream';
import { UnknownBlobError } from '../domain/blob-digest.ts';
import { attachmentLimitBytes, type Blobs } from '../domain/ports/blobs.ts';
import { readBeginning } from './byte-stream.ts';

/** Blobs up to `limitBytes` in `small`, larger ones in `large`; read from wherever they are. */
export function tieredBlobs(small: Blobs, large: Blobs, limitBytes = attachmentLimitBytes): Blobs {
  return {
    async put(content) {
      if (!(content instanceof Readable)) return (content.byteLength <= limitBytes ? small : large).put(content);
      const beginning = await readBeginning(content, limitBytes);
      return beginning.kind === 'whole' ? small.put(beginning.bytes) : large.put(beginning.content);
    },
    async open(sha256) {
      try {
        return await small.open(sha256);
      } catch (error) {
        if (!(error instanceof UnknownBlobError)) throw error;
        return large.open(sha256);
      }
    },
    has: async (sha256) => (await small.has(sha256)) || large.has(sha256),
  };
}
