import type { EventEnvelope, RecordedEvent } from '../event.ts';

/** What the writer believes about the stream: its newest revision, or one of the three weaker beliefs. */
export type ExpectedRevision = number | 'noStream' | 'streamExists' | 'any';

/** Bytes that must be durable no later than the events that name them by digest. At most 64 KiB each. */
export type Attachment = { readonly sha256: string; readonly bytes: Uint8Array };

export type AppendResult =
  | { readonly kind: 'appended'; readonly revision: number; readonly position: number }
  | { readonly kind: 'conflict'; readonly actual: number | 'noStream' };

export type Subscription = {
  /** Stops after the event in hand; resolves when no more will be delivered. */
  close(): Promise<void>;
  /** Settles when the subscription has ended: rejects with the handler's error or the log's fault. */
  readonly ended: Promise<void>;
};

/**
 * An append-only log of events in streams.
 *
 * - Order: positions rise strictly; a reader that has seen position p never later finds a new event at or below p.
 * - Atomicity: the events of one append become durable together or not at all, its attachments no later than they, and
 *   the promise resolves only after all are durable. A log that can't hold bytes puts attachments into a blob store first: an append
 *   that fails then may leave one behind that no event names.
 * - Concurrency: of two appends with the same expected revision at most one is `appended`.
 * - Idempotence: an append whose event ids are all stored already in that stream is `appended` again, with the
 *   original revision and position, whatever was expected; nothing is written and the first bytes stay. A mixture of stored and new
 *   ids is a fault (`MixedAppendError`). So is an id of another stream, where the log keeps an index over all of them; ids are derived from their stream, so
 *   that it would be a bug of the caller.
 * - Failure: a conflict is a value; anything else (full disk, closed log, lost cluster) is thrown and nothing is half-written.
 */
export type EventLog = {
  append(
    stream: string,
    expected: ExpectedRevision,
    events: readonly EventEnvelope[],
    attachments?: readonly Attachment[],
  ): Promise<AppendResult>;
  /** A page of one stream, ascending, from `fromRevision` (inclusive, default 0). Empty past the end or for no such stream. */
  readStream(stream: string, fromRevision?: number, limit?: number): Promise<readonly RecordedEvent[]>;
  /** A page of the whole log, ascending, strictly after `afterPosition` (0 for the beginning). */
  readAll(afterPosition: number, limit: number): Promise<readonly RecordedEvent[]>;
  /** Position of the newest event, 0 for an empty log. */
  head(): Promise<number>;
  /**
   * Delivers every event strictly after `afterPosition`, in order, each once, first those stored and then those to come,
   * until closed. Pages are handed over one at a time: the next is read after the handler's promise resolves, so a slow
   * subscriber costs one page of memory.
   */
  subscribe(afterPosition: number, onPage: (page: readonly RecordedEvent[]) => Promise<void> | void): Subscription;
  close(): Promise<void>;
};
