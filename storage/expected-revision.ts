import type { ExpectedRevision } from '../domain/ports/event-log.ts';

/** A stream's newest revision. */
export type ActualRevision = number | 'noStream';

/** Whether what the writer believes of a stream is so. */
export function isMet(expected: ExpectedRevision, actual: ActualRevision): boolean {
  switch (expected) {
    case 'any':
      return true;
    case 'streamExists':
      return actual !== 'noStream';
    default:
      return expected === actual;
  }
}
