import type { Blobs } from '../domain/ports/blobs.ts';
import type { EventLog, Subscription } from '../domain/ports/event-log.ts';
import { LogUnavailableError } from '../domain/ports/event-log-errors.ts';
import { kurrentAppends } from './kurrent-appends.ts';
import { defaultPatience, kurrentConnection, type Patience } from './kurrent-connection.ts';
import { parseKurrentUrl } from './kurrent-location.ts';
import { kurrentReads } from './kurrent-reads.ts';
import { kurrentSubscription } from './kurrent-subscription.ts';
import { assertPage, defaultPageSize } from './page.ts';
import { prepareAppend } from './prepared-append.ts';
import { toRecordedEvent } from './stored-event.ts';

export type KurrentOptions = {
  /** `esdb://…`; `parseKurrentUrl` says what may stand in it. */
  readonly url: string;
  /** Where attachments go before the events that name them: the database holds events alone. */
  readonly blobs: Pick<Blobs, 'put'>;
  readonly readOnly?: boolean;
  readonly patience?: Patience;
};

/**
 * The event log in an EventStoreDB (22.6 or newer) or KurrentDB, on one node or a cluster. Nothing is asked of it before the first
 * use. Throws `UnsupportedStorageError` for a url that can't be used.
 *
 * The canonical bytes are stored as they are, as binary events. Positions are the database's own (places in its transaction file):
 * they rise, and are sparse. Everything is asked of the leader. System events and streams of other prefixes are passed over.
 */
export function openKurrentEventLog({ url, blobs, readOnly = false, patience }: KurrentOptions): EventLog {
  const connection = kurrentConnection(parseKurrentUrl(url), patience ?? defaultPatience);
  const { assertOpen } = connection;
  const reads = kurrentReads(connection);
  const appends = kurrentAppends(connection, reads, ({ bytes }) => blobs.put(bytes));
  const begun = new Set<Promise<unknown>>();
  const subscriptions = new Set<Subscription>();

  /** Closing waits for what was begun. */
  async function begin<T>(work: () => Promise<T>): Promise<T> {
    assertOpen();
    const working = work();
    begun.add(working);
    try {
      return await working;
    } finally {
      begun.delete(working);
    }
  }

  return {
    append: (stream, expected, envelopes, attachments) =>
      begin(async () => {
        if (readOnly) throw new LogUnavailableError('readOnly', 'the event log was opened for reading');
        return appends.append(prepareAppend(stream, expected, envelopes, attachments));
      }),
    readStream: (stream, fromRevision = 0, limit = defaultPageSize) =>
      begin(async () => {
        assertPage(fromRevision, limit);
        const rows = await reads.ofStream(stream, fromRevision, limit);
        appends.note(stream, rows);
        return rows.map(toRecordedEvent);
      }),
    readAll: (afterPosition, limit) =>
      begin(async () => {
        assertPage(afterPosition, limit);
        return (await reads.ofAll(afterPosition, limit)).map(toRecordedEvent);
      }),
    head: () => begin(() => reads.head()),
    subscribe(afterPosition, onPage) {
      assertOpen();
      assertPage(afterPosition, 1);
      const subscription = kurrentSubscription(connection, afterPosition, onPage);
      subscriptions.add(subscription);
      const leave = () => void subscriptions.delete(subscription);
      subscription.ended.then(leave, leave);
      return subscription;
    },
    async close() {
      connection.refuse();
      await Promise.allSettled([...begun]);
      await Promise.all([...subscriptions].map((subscription) => subscription.close()));
      await connection.dispose();
    },
  };
}
