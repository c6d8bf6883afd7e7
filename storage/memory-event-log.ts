import type { AppendResult, Attachment, EventLog } from '../domain/ports/event-log.ts';
import { LogUnavailableError, MixedAppendError } from '../domain/ports/event-log-errors.ts';
import { isMet } from './expected-revision.ts';
import { assertPage, defaultPageSize } from './page.ts';
import { type PreparedAppend, prepareAppend } from './prepared-append.ts';
import { type StoredEvent, toRecordedEvent } from './stored-event.ts';
import { subscriptionsTo } from './subscription.ts';

/** An event log that forgets, for tests: the same contract as the others, nothing durable. */
export function memoryEventLog(keepAttachment: (attachment: Attachment) => void = () => {}): EventLog {
  const rows = memoryRows(keepAttachment);
  const subscriptions = subscriptionsTo(readAll);
  let closed = false;

  function assertOpen(): void {
    if (closed) throw new LogUnavailableError('closed', 'the event log is closed');
  }

  async function readAll(afterPosition: number, limit: number) {
    assertOpen();
    assertPage(afterPosition, limit);
    return rows.all.slice(afterPosition, afterPosition + limit).map(toRecordedEvent);
  }

  return {
    readAll,
    async append(stream, expected, events, attachments) {
      assertOpen();
      const result = rows.append(prepareAppend(stream, expected, events, attachments));
      subscriptions.wakeAll();
      return result;
    },
    async readStream(stream, fromRevision = 0, limit = defaultPageSize) {
      assertOpen();
      assertPage(fromRevision, limit);
      return rows
        .ofStream(stream)
        .slice(fromRevision, fromRevision + limit)
        .map(toRecordedEvent);
    },
    async head() {
      assertOpen();
      return rows.all.length;
    },
    subscribe(afterPosition, onPage) {
      assertOpen();
      assertPage(afterPosition, 1);
      return subscriptions.open(afterPosition, onPage);
    },
    async close() {
      await subscriptions.closeAll();
      closed = true;
    },
  };
}

function memoryRows(keepAttachment: (attachment: Attachment) => void) {
  const all: StoredEvent[] = [];
  const streams = new Map<string, StoredEvent[]>();
  const byId = new Map<string, StoredEvent>();

  /** The result of the same append the first time, or null for a new one. */
  function earlierAppend({ stream, events }: PreparedAppend): AppendResult | null {
    const stored = events.flatMap(({ id }) => byId.get(id) ?? []);
    const last = stored.at(-1);
    if (last === undefined) return null;
    if (stored.length < events.length || stored.some((row) => row.stream !== stream)) {
      throw new MixedAppendError(
        stream,
        stored.map(({ id }) => id),
      );
    }
    return { kind: 'appended', revision: last.revision, position: last.position };
  }

  return {
    all,
    ofStream: (stream: string): readonly StoredEvent[] => streams.get(stream) ?? [],
    append(append: PreparedAppend): AppendResult {
      const earlier = earlierAppend(append);
      if (earlier !== null) return earlier;
      const { stream, expected, events, attachments } = append;
      const rows = streams.get(stream) ?? [];
      const actual = rows.at(-1)?.revision ?? 'noStream';
      if (!isMet(expected, actual)) return { kind: 'conflict', actual };
      attachments.forEach(keepAttachment);
      for (const { id, bytes } of events) {
        const row = { id, bytes, stream, position: all.length + 1, revision: rows.length };
        all.push(row);
        rows.push(row);
        byId.set(id, row);
      }
      streams.set(stream, rows);
      return { kind: 'appended', revision: rows.length - 1, position: all.length };
    },
  };
}
