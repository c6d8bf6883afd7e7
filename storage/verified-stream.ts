import { createHash } from 'node:crypto';
import { pipeline, type Readable, Transform } from 'node:stream';
import { CorruptBlobError } from '../domain/blob-digest.ts';

/**
 * The bytes of `source`, which must have the digest `sha256`. The last chunk is held back until the digest is known,
 * so that of damaged bytes no reader ever gets a complete copy: it gets `CorruptBlobError`.
 */
export function verified(source: Readable, sha256: string): Readable {
  const hash = createHash('sha256');
  let heldBack: Uint8Array | null = null;
  const checking = new Transform({
    transform(chunk: Uint8Array, _encoding, done) {
      hash.update(chunk);
      const before = heldBack;
      heldBack = chunk;
      done(null, before);
    },
    flush(done) {
      const actual = hash.digest('hex');
      if (actual === sha256) done(null, heldBack);
      else done(new CorruptBlobError(sha256, actual));
    },
  });
  // The error reaches the reader through `checking`; the callback only keeps it from being thrown here too.
  pipeline(source, checking, () => {});
  return checking;
}
