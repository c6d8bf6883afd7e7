import type { RecordedEvent as DatabaseEvent, Position } from '@eventstore/db-client';
import { LogUnavailableError } from '../domain/ports/event-log-errors.ts';
import { type StoredEvent, StoredEventError } from './stored-event.ts';

/** The place of an event of ours: what we append commits itself, so that both halves are one number. */
export function atPosition(position: number): Position {
  return { commit: BigInt(position), prepare: BigInt(position) };
}

/** An event of the database as a row. Its stream must begin with the prefix. */
export function toRow(streamPrefix: string, event: DatabaseEvent): StoredEvent {
  const { id, streamId, data, revision } = event;
  const position = toPosition(event.position);
  if (!(data instanceof Uint8Array)) {
    throw new StoredEventError(`event ${id} at position ${position} (${streamId}) was not stored by PRISM: it is JSON`);
  }
  return { id, position, revision: Number(revision), stream: streamId.slice(streamPrefix.length), bytes: data };
}

/** Throws where a server before 22.6 tells no position of an event in a stream. */
export function toPosition(position: Position | undefined): number {
  const commit = Number(position?.commit ?? -1n);
  if (Number.isSafeInteger(commit) && commit >= 0) return commit;
  const message = "the database doesn't tell the positions of a stream's events: it is older than EventStoreDB 22.6";
  throw new LogUnavailableError('unsupported', message);
}
