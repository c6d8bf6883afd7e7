import { join } from 'node:path';
import Database from 'better-sqlite3';
import type { EventLog } from '../../domain/ports/event-log.ts';

/** Told of each event: its position, and when it was there, in ns of the machine's monotonic clock. */
export type OnDelivery = (position: number, atNs: number) => void;
/** Follows from the log's end on. Resolves, once it does, to how to stop. */
export type Follow = (onDelivery: OnDelivery) => Promise<() => Promise<void>>;

/** The clock that all processes of a machine share. */
export function nowNs(): number {
  return Number(process.hrtime.bigint());
}

/** As a projector or an executor does. */
export function bySubscription(log: EventLog): Follow {
  return async (onDelivery) => {
    const subscription = log.subscribe(await log.head(), (page) => {
      const atNs = nowNs();
      for (const { position } of page) onDelivery(position, atNs);
    });
    return subscription.close;
  };
}

export const pollPeriodMs = 10;

/** What one would write first: ask for new rows every 10 ms. */
export function byPolling(dataDir: string): Follow {
  return async (onDelivery) => {
    const db = new Database(join(dataDir, 'events.sqlite'), { readonly: true });
    const head = db.prepare<[], number>('SELECT coalesce(max(position), 0) FROM events').pluck();
    const news = db.prepare<[number], { position: number; bytes: Uint8Array }>(
      'SELECT position, bytes FROM events WHERE position > ? ORDER BY position LIMIT 512',
    );
    let last = head.get() ?? 0;
    const timer = setInterval(() => {
      const rows = news.all(last).map(({ position, bytes }) => ({ position, event: JSON.parse(bytes.toString()) }));
      const atNs = nowNs();
      for (const { position } of rows) {
        onDelivery(position, atNs);
        last = position;
      }
    }, pollPeriodMs);
    return async () => {
      clearInterval(timer);
      db.close();
    };
  };
}
