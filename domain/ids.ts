import { v5 as uuidv5 } from 'uuid';

/** Namespace of every identifier that PRISM derives; arbitrary, and fixed for ever. */
const namespace = '6f1f7a52-8d3c-5b0e-9a57-3d1c2e4f5a60';

/** Derives a UUIDv5 from its parts. The same parts give the same id; parts may not contain NUL. */
export function deriveId(...parts: readonly (string | number)[]): string {
  return uuidv5(parts.join('\0'), namespace);
}

/** The id of the `index`-th event that the command `causeId` puts into `stream`. */
export function eventId(causeId: string, stream: string, index: number): string {
  return deriveId('event', causeId, stream, index);
}

/** The same bundle handed in by the same hotkey is the same submission. */
export function submissionId(hotkey: string, codeHash: string): string {
  return deriveId('submission', hotkey, codeHash);
}
