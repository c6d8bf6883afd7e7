import {
  type AllStreamResolvedEvent,
  BACKWARDS,
  END,
  ErrorType,
  isCommandError,
  type ReadPosition,
  START,
  type StreamingRead,
} from '@eventstore/db-client';
import { LogUnavailableError } from '../domain/ports/event-log-errors.ts';
import type { KurrentConnection } from './kurrent-connection.ts';
import { OverdueReadError } from './kurrent-faults.ts';
import { atPosition, toPosition, toRow } from './kurrent-rows.ts';
import type { StoredEvent } from './stored-event.ts';

export type KurrentReads = {
  ofStream(stream: string, fromRevision: number, limit: number): Promise<readonly StoredEvent[]>;
  ofAll(afterPosition: number, limit: number): Promise<readonly StoredEvent[]>;
  head(): Promise<number>;
  /** An event of ours at this position is known to be there. */
  noteHead(position: number): void;
};

const firstLookBack = 16;
const longestLookBack = 1_024;

/** Reads are asked of the leader, so that whoever has appended reads what he wrote. */
const ofLeader = { requiresLeader: true } as const;

export function kurrentReads({ ask, location, patience }: KurrentConnection): KurrentReads {
  const { streamPrefix } = location;
  let knownHead = 0;

  const collect = <E>(read: StreamingRead<E>) => collected(read, patience.readTimeoutMs);
  const pageOfAll = (fromPosition: ReadPosition, maxCount: number) =>
    ask((client) => collect(client.readAll({ fromPosition, maxCount, ...ofLeader })));
  const pageBackwards = (fromPosition: ReadPosition, maxCount: number) =>
    ask((client) => collect(client.readAll({ fromPosition, maxCount, direction: BACKWARDS, ...ofLeader })));

  return {
    async ofStream(stream, fromRevision, maxCount) {
      const name = `${streamPrefix}${stream}`;
      const options = { fromRevision: BigInt(fromRevision), maxCount, ...ofLeader };
      const events = await ask((client) => collect(client.readStream(name, options)).catch(noneInNoStream));
      const rows = events.flatMap(({ event }) => (event === undefined ? [] : [toRow(streamPrefix, event)]));
      if (rows[0] === undefined || rows[0].revision === fromRevision) return rows;
      throw new LogUnavailableError(
        'damaged',
        `event log ${location.shown}: ${name} was cut before ${rows[0].revision}`,
      );
    },

    /** The database can't filter a read: it goes on over what isn't ours until the page is full. */
    async ofAll(afterPosition, limit) {
      const rows: StoredEvent[] = [];
      let from: ReadPosition = afterPosition === 0 ? START : atPosition(afterPosition);
      for (;;) {
        // One more than wanted: a read begins with the event at the position itself.
        const page = await pageOfAll(from, limit + 1);
        const ours = eventsOf(page, streamPrefix).map((event) => toRow(streamPrefix, event));
        // The first of a page but the first is the last of the one before.
        rows.push(...ours.filter(({ position }) => position > (rows.at(-1)?.position ?? afterPosition)));
        const last = page.at(-1)?.event;
        if (rows.length >= limit || page.length <= limit || last === undefined) return rows.slice(0, limit);
        from = last.position;
      }
    },

    async head() {
      let from: ReadPosition = END;
      for (let count = firstLookBack; ; count = Math.min(longestLookBack, count * 4)) {
        const page = await pageBackwards(from, count);
        const newest = eventsOf(page, streamPrefix)[0];
        if (newest !== undefined) knownHead = Math.max(knownHead, toPosition(newest.position));
        const last = page.at(-1)?.event;
        if (newest !== undefined || last === undefined || page.length < count) return knownHead;
        if (last.position.commit <= BigInt(knownHead)) return knownHead;
        from = last.position;
      }
    },

    noteHead(position) {
      knownHead = Math.max(knownHead, position);
    },
  };
}

function eventsOf(page: readonly AllStreamResolvedEvent[], streamPrefix: string) {
  return page.flatMap(({ event }) => (event?.streamId.startsWith(streamPrefix) === true ? [event] : []));
}

/** Everything that a read delivers. Throws its error, or `OverdueReadError`. */
async function collected<E>(read: StreamingRead<E>, timeoutMs: number): Promise<readonly E[]> {
  // An error that comes after we stopped listening would otherwise end the process.
  read.on('error', () => {});
  const overdue = setTimeout(() => read.destroy(new OverdueReadError(timeoutMs)), timeoutMs);
  const events: E[] = [];
  try {
    for await (const event of read) events.push(event);
    return events;
  } finally {
    clearTimeout(overdue);
    // Destroying the stream alone would leave the call open.
    read.cancel().catch(() => {});
  }
}

function noneInNoStream(error: unknown): readonly [] {
  if (error instanceof Error && isCommandError(error) && error.type === ErrorType.STREAM_NOT_FOUND) return [];
  throw error;
}
