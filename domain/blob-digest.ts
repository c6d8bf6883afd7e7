import { createHash } from 'node:crypto';
import type { BlobReference } from './ports/blobs.ts';
import type { Attachment } from './ports/event-log.ts';

/** No blob of that digest is stored. */
export class UnknownBlobError extends Error {
  override readonly name = 'UnknownBlobError';
  readonly sha256: string;
  constructor(sha256: string) {
    super(`no blob ${sha256} is stored`);
    this.sha256 = sha256;
  }
}

/** Stored bytes that no longer match the digest they are stored under. */
export class CorruptBlobError extends Error {
  override readonly name = 'CorruptBlobError';
  readonly sha256: string;
  readonly actualSha256: string;
  constructor(sha256: string, actualSha256: string) {
    super(`blob ${sha256} is damaged: its bytes have the digest ${actualSha256}`);
    this.sha256 = sha256;
    this.actualSha256 = actualSha256;
  }
}

/** SHA-256 (FIPS 180-4) as lower-case hex. */
export function sha256Hex(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Whether a text can be a digest at all; anything else names no blob. */
export function isDigest(text: string): boolean {
  return /^[0-9a-f]{64}$/.test(text);
}

/** What an event says of bytes, and the bytes as they travel with the append of that event. */
export function toAttachment(bytes: Uint8Array): {
  readonly reference: BlobReference;
  readonly attachment: Attachment;
} {
  const sha256 = sha256Hex(bytes);
  return { reference: { sha256, bytes: bytes.byteLength, keyId: null }, attachment: { sha256, bytes } };
}
