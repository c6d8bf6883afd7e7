import {
  binaryEvent,
  type CommandError,
  ErrorType,
  type EventData,
  isCommandError,
  NO_STREAM,
} from '@eventstore/db-client';
import { append } from '@eventstore/db-client/dist/streams/appendToStream/append.js';
import { AppendTooLargeError } from '../domain/ports/event-log-errors.ts';
import type { KurrentConnection } from './kurrent-connection.ts';
import type { PreparedAppend } from './prepared-append.ts';

/** An append as the database answers it. The position is null where it doesn't know it yet. */
export type DatabaseVerdict =
  | { readonly kind: 'appended'; readonly revision: number; readonly position: number | null }
  | { readonly kind: 'conflict' };

/**
 * Appends behind a revision that the writer knows, −1 for a new stream. Such an append is idempotent exactly: with the same ids it may be
 * repeated after any outage, before or after it was stored.
 *
 * The client's `appendToStream` would send it over one long call that all appends share (BatchAppend). There an append that the
 * server doesn't answer never settles, and one client's broken call drops the appends of every other client in the
 * process. So this takes the client's own plain Append: a call of its own, with a deadline.
 */
export async function appendBehind(
  { ask, location }: KurrentConnection,
  { stream, events }: Pick<PreparedAppend, 'stream' | 'events'>,
  revision: number,
): Promise<DatabaseVerdict> {
  const name = `${location.streamPrefix}${stream}`;
  const expectedRevision = revision < 0 ? NO_STREAM : BigInt(revision);
  const options = { expectedRevision, requiresLeader: true, batchAppendSize: 0 } as const;
  const proposed = events.map(toProposal);
  return ask(async (client) => {
    try {
      const { nextExpectedRevision, position } = await append.call(client, name, proposed, options);
      const commit = position === undefined ? null : Number(position.commit);
      return { kind: 'appended', revision: Number(nextExpectedRevision), position: commit };
    } catch (error) {
      return judged(stream, events, error);
    }
  });
}

function toProposal({ id, type, bytes }: PreparedAppend['events'][number]): EventData {
  return binaryEvent({ id, type, data: bytes });
}

/** A conflict as a value, a limit of the server as our own error; anything else is thrown on. */
function judged(stream: string, events: PreparedAppend['events'], error: unknown): DatabaseVerdict {
  if (!(error instanceof Error) || !isCommandError(error)) throw error;
  if (error.type === ErrorType.WRONG_EXPECTED_VERSION) return { kind: 'conflict' };
  const limitBytes = sizeLimit(error);
  if (limitBytes === undefined) throw error;
  const bytes = events.reduce((sum, event) => sum + event.bytes.byteLength, 0);
  throw new AppendTooLargeError(stream, bytes, limitBytes, error);
}

const grpcMessageTooLarge = 8;

/** The limit that an error is about, null if it doesn't tell it, undefined for another error. */
function sizeLimit(error: CommandError): number | null | undefined {
  if (error.type === ErrorType.MAXIMUM_APPEND_SIZE_EXCEEDED) return error.maxAppendSize;
  // Newer servers limit single events too, and this client has no type for that.
  const limit = error._raw?.metadata?.get('maximum-append-event-size')[0]?.toString();
  if (limit !== undefined) return Number(limit);
  return error.code === grpcMessageTooLarge ? null : undefined;
}
