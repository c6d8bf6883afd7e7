import type { Readable } from 'node:stream';

/** Names stored bytes in an event. The digest is over the bytes as stored; `keyId` names the key of sealed ones. */
export type BlobReference = { readonly sha256: string; readonly bytes: number; readonly keyId: string | null };

/** Up to this size a blob travels as an attachment of the append that names it. */
export const attachmentLimitBytes = 65_536;

/**
 * Content-addressed bytes.
 *
 * - `put` resolves after the bytes are durable (for files: the file and its folder are synced); putting the same bytes
 *   again is the same blob.
 * - `open` checks the digest while it reads: a stream whose bytes don't match ends in `CorruptBlobError`, never silently. An unknown digest is
 *   `UnknownBlobError`.
 */
export type Blobs = {
  put(content: Uint8Array | Readable): Promise<BlobReference>;
  open(sha256: string): Promise<Readable>;
  has(sha256: string): Promise<boolean>;
};

/** Blobs of whoever has bytes at hand and reads none; `put` as above. */
export type BlobSink = { put(content: Uint8Array): Promise<BlobReference> };
