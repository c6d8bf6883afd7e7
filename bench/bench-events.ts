import { randomUUID } from 'node:crypto';
import type { EventEnvelope } from '../domain/event.ts';

/** Events of a usual kind and size, about 400 bytes stored, with ids as new as the log has ever seen. */
export function benchEvents(stream: string, count: number): readonly EventEnvelope[] {
  return Array.from({ length: count }, (_, index) => ({
    id: randomUUID(),
    type: 'AttemptStarted',
    schemaVersion: 1,
    stream,
    recordedAt: '2026-01-01T00:00:00.000Z',
    correlationId: stream,
    causationId: randomUUID(),
    data: {
      ...{ run: 'score', attempt: index + 1, fencingToken: 1, slot: 'slot-host-gpu0', executor: 'host' },
      ...{ device: 'gpu0', deviceClass: 'gpu', deadlineAt: '2026-01-01T00:30:00.000Z' },
    },
  }));
}

/** Cut into parts of `size`. */
export function inParts<T>(all: readonly T[], size: number): readonly (readonly T[])[] {
  return Array.from({ length: Math.ceil(all.length / size) }, (_, part) => all.slice(part * size, (part + 1) * size));
}

/** Appended before the clock starts: enough for the write-ahead file to have reached the size at which it is used anew. */
export function warmUp(): readonly (readonly EventEnvelope[])[] {
  return inParts(benchEvents('submission-warm', 400), 1);
}
