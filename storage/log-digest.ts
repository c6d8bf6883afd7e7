import { createHash } from 'node:crypto';
import { sha256Hex } from '../domain/blob-digest.ts';

/** What a history comes to: two logs with the same number and digest hold the same event bytes in the same order. */
export type LogSummary = { readonly events: number; readonly digest: string };

/** SHA-256 over the hex SHA-256 of each event's stored bytes, in the log's order. */
export function logDigest() {
  const hash = createHash('sha256');
  let events = 0;
  return {
    /** Returns the event's own digest. */
    add(bytes: Uint8Array): string {
      const sha256 = sha256Hex(bytes);
      hash.update(sha256);
      events += 1;
      return sha256;
    },
    summary: (): LogSummary => ({ events, digest: hash.copy().digest('hex') }),
  };
}
