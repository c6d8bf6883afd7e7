import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { EventLog } from '../domain/ports/event-log.ts';

/** From a cached write to a disk that is in trouble. */
const appendBucketsSeconds = [0.000_5, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10];

export type MeteredEventLog = {
  readonly log: EventLog;
  /** The log for one who follows it, under the name that `prism_subscription_lag` shows. */
  followedBy(subscriber: string): EventLog;
};

/** Puts measurements between a log and those who use it; what it does stays the same. */
export function meteredEventLog(log: EventLog, registry: Registry): MeteredEventLog {
  const metered = { ...log, append: timedAppend(log, registry) };
  const delivered = lagGauge(log, registry);
  return {
    log: metered,
    followedBy: (subscriber) => ({
      ...metered,
      subscribe(afterPosition, onPage) {
        delivered.set(subscriber, afterPosition);
        return log.subscribe(afterPosition, async (page) => {
          await onPage(page);
          delivered.set(subscriber, page.at(-1)?.position ?? afterPosition);
        });
      },
    }),
  };
}

function timedAppend(log: EventLog, registry: Registry): EventLog['append'] {
  const seconds = new Histogram({
    name: 'prism_append_seconds',
    help: 'Time until an append is durable or refused, by its outcome.',
    labelNames: ['outcome'] as const,
    buckets: appendBucketsSeconds,
    registers: [registry],
  });
  const events = new Counter({ name: 'prism_appended_events_total', help: 'Events appended.', registers: [registry] });
  return async (stream, expected, envelopes, attachments) => {
    const end = seconds.startTimer();
    try {
      const result = await log.append(stream, expected, envelopes, attachments);
      end({ outcome: result.kind });
      if (result.kind === 'appended') events.inc(envelopes.length);
      return result;
    } catch (error) {
      end({ outcome: 'fault' });
      throw error;
    }
  };
}

/** The last position that each subscriber is through with; asked for, it becomes the distance from the log's head. */
function lagGauge(log: EventLog, registry: Registry): Map<string, number> {
  const delivered = new Map<string, number>();
  new Gauge({
    name: 'prism_subscription_lag',
    help: 'How far a subscriber is behind the newest event, in positions.',
    labelNames: ['subscriber'] as const,
    registers: [registry],
    async collect() {
      this.reset();
      const head = await log.head().catch(() => null);
      if (head === null) return;
      for (const [subscriber, position] of delivered) this.set({ subscriber }, Math.max(0, head - position));
    },
  });
  return delivered;
}
