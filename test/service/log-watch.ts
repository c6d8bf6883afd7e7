import { setTimeout as delay } from 'node:timers/promises';
import type { RecordedEvent } from '../../domain/event.ts';
import { submissionStream } from '../../domain/submission/events.ts';
import { openStorage } from '../../storage/open-storage.ts';

/** A service's log as another process sees it grow. */
export type LogWatch = {
  /** All events so far, in the order of their positions. */
  readonly seen: readonly RecordedEvent[];
  /** The first event that matches, past ones included; resolves in the turn in which it is seen. */
  until(matches: (event: RecordedEvent) => boolean): Promise<RecordedEvent>;
  close(): Promise<void>;
};

const patienceMs = 120_000;

/** Follows the log of a data folder, read-only, over any number of lives of the service. */
export async function watchLog(dataDir: string): Promise<LogWatch> {
  const storage = await openStorage({ dataDir, readOnly: true });
  const seen: RecordedEvent[] = [];
  const waiting = new Set<(event: RecordedEvent) => void>();
  const subscription = storage.log.subscribe(0, (page) => {
    for (const event of page) {
      seen.push(event);
      for (const look of waiting) look(event);
    }
  });
  return {
    seen,
    async until(matches) {
      const past = seen.find(matches);
      if (past !== undefined) return past;
      const patience = new AbortController();
      const late = delay(patienceMs, null, { signal: patience.signal }).catch(() => null);
      let look = (_event: RecordedEvent): void => {};
      const found = new Promise<RecordedEvent>((resolve) => {
        look = (event) => {
          if (matches(event)) resolve(event);
        };
      });
      waiting.add(look);
      try {
        const event = await Promise.race([found, late]);
        if (event === null) throw new Error(`not in the log after ${patienceMs} ms; its end: ${endOf(seen)}`);
        return event;
      } finally {
        waiting.delete(look);
        patience.abort();
      }
    },
    async close() {
      await subscription.close();
      await storage.close();
    },
  };
}

/** Matches an event of one submission. */
export function isOf(submissionId: string, type: string): (event: RecordedEvent) => boolean {
  const stream = submissionStream(submissionId);
  return ({ envelope }) => envelope.stream === stream && envelope.type === type;
}

function endOf(events: readonly RecordedEvent[]): string {
  return events
    .slice(-5)
    .map(({ envelope }) => `${envelope.stream} ${envelope.type}`)
    .join(', ');
}
