import type { Database } from 'better-sqlite3';
import type { AppendResult } from '../domain/ports/event-log.ts';
import { MixedAppendError } from '../domain/ports/event-log-errors.ts';
import { type ActualRevision, isMet } from './expected-revision.ts';
import type { PreparedAppend } from './prepared-append.ts';
import { isStoreFault } from './sqlite-faults.ts';
import type { StoredEvent } from './stored-event.ts';

/**
 * The history can only grow at its end, whoever holds the file: rows can't be changed or deleted, and a new row must be
 * the next of the log and of its stream. The last trigger also stops `INSERT OR REPLACE`, which deletes without firing
 * a delete trigger.
 */
export const eventsTableSql = `
  CREATE TABLE events (
    position INTEGER PRIMARY KEY,
    stream   TEXT    NOT NULL,
    revision INTEGER NOT NULL,
    id       TEXT    NOT NULL UNIQUE,
    bytes    BLOB    NOT NULL,
    UNIQUE (stream, revision)
  ) STRICT;
  CREATE TRIGGER events_are_not_updated BEFORE UPDATE ON events
    BEGIN SELECT RAISE(ABORT, 'the event log is append-only'); END;
  CREATE TRIGGER events_are_not_deleted BEFORE DELETE ON events
    BEGIN SELECT RAISE(ABORT, 'the event log is append-only'); END;
  CREATE TRIGGER events_are_appended BEFORE INSERT ON events
    WHEN NEW.position IS NOT (SELECT coalesce(max(position), 0) + 1 FROM events)
      OR NEW.revision IS NOT (SELECT coalesce(max(revision), -1) + 1 FROM events WHERE stream = NEW.stream)
      OR EXISTS (SELECT 1 FROM events WHERE id = NEW.id)
    BEGIN SELECT RAISE(ABORT, 'an event must be the next one of the log and of its stream'); END;
`;

type NewEvent = PreparedAppend['events'][number];

/** All SQL on `events`. `append` must run inside an immediate transaction: only under the write lock is max + 1 nobody else's. */
export function eventsTable(db: Database) {
  const columns = 'position, stream, revision, id, bytes';
  const byId = db.prepare<[string], StoredEvent>(`SELECT ${columns} FROM events WHERE id = ?`);
  const head = db.prepare<[], number>('SELECT coalesce(max(position), 0) FROM events').pluck();
  const newest = db.prepare<[string], number | null>('SELECT max(revision) FROM events WHERE stream = ?').pluck();
  const insert = db.prepare<[number, string, number, string, Uint8Array]>(
    `INSERT INTO events (${columns}) VALUES (?, ?, ?, ?, ?)`,
  );
  const pageOfStream = db.prepare<[string, number, number], StoredEvent>(
    `SELECT ${columns} FROM events WHERE stream = ? AND revision >= ? ORDER BY revision LIMIT ?`,
  );
  const pageOfAll = db.prepare<[number, number], StoredEvent>(
    `SELECT ${columns} FROM events WHERE position > ? ORDER BY position LIMIT ?`,
  );

  /** What the same append came to the first time, or null if none of its events is stored. Looks at each of them. */
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

  function insertOne(position: number, stream: string, revision: number, { id, bytes }: NewEvent): void {
    try {
      insert.run(position, stream, revision, id, bytes);
    } catch (error) {
      if (isStoreFault(error) || byId.get(id) === undefined) throw error;
      throw new MixedAppendError(stream, [id]);
    }
  }

  return {
    /**
     * Of a new append's events only the first is looked for: that another one is stored already, which nobody but a bug
     * asks for, is found by its insertion.
     */
    append(append: PreparedAppend): AppendResult {
      const { stream, expected, events } = append;
      const isRepeated = byId.get(events[0]?.id ?? '') !== undefined;
      const actual: ActualRevision = newest.get(stream) ?? 'noStream';
      if (isRepeated || !isMet(expected, actual)) return earlierAppend(append) ?? { kind: 'conflict', actual };
      let position = head.get() ?? 0;
      let revision = actual === 'noStream' ? -1 : actual;
      for (const event of events) {
        position += 1;
        revision += 1;
        insertOne(position, stream, revision, event);
      }
      return { kind: 'appended', revision, position };
    },
    head: (): number => head.get() ?? 0,
    pageOfStream: (stream: string, fromRevision: number, limit: number) =>
      pageOfStream.all(stream, fromRevision, limit),
    pageOfAll: (afterPosition: number, limit: number) => pageOfAll.all(afterPosition, limit),
  };
}
