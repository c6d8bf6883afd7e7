import type { Heartbeat, Heartbeats } from '../domain/ports/heartbeats.ts';

const keptBeats = 4_096;

/** In memory: for one process that holds both the executor and the API. */
export function memoryHeartbeats(): Heartbeats {
  const newest = new Map<string, Heartbeat>();
  return {
    report(beat) {
      newest.delete(beat.submissionId);
      newest.set(beat.submissionId, beat);
      const [oldest] = newest.keys();
      if (newest.size > keptBeats && oldest !== undefined) newest.delete(oldest);
    },
    newest: (submissionId) => newest.get(submissionId) ?? null,
  };
}
