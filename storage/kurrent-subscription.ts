import { setTimeout as delay } from 'node:timers/promises';
import {
  type AllStreamResolvedEvent,
  type AllStreamSubscription,
  type ReadPosition,
  START,
  streamNameFilter,
} from '@eventstore/db-client';
import type { RecordedEvent } from '../domain/event.ts';
import type { Subscription } from '../domain/ports/event-log.ts';
import { backoffMs, type KurrentConnection } from './kurrent-connection.ts';
import { kurrentFault } from './kurrent-faults.ts';
import { atPosition, toRow } from './kurrent-rows.ts';
import { defaultPageSize } from './page.ts';
import { toRecordedEvent } from './stored-event.ts';

type OnPage = (page: readonly RecordedEvent[]) => Promise<void> | void;

/** Behind what the next event must lie: the last one handed over, or where the server said that nothing of ours comes before. */
type Place = { after: ReadPosition; failures: number };

/**
 * Follows the log by the database's own subscription, which the server filters to our streams.
 *
 * It may break off at any time: a node is lost, the leader changes, the server drops who is too slow. It is then taken
 * up again behind the last event that was handed over, after pauses that grow, for as long as it takes; only what no other try
 * would change ends it. Start positions are exclusive, so that nothing comes twice.
 *
 * One page is with the handler and at most one more is buffered; beyond that nothing is read, and the server waits or drops us.
 */
export function kurrentSubscription(
  connection: KurrentConnection,
  afterPosition: number,
  onPage: OnPage,
): Subscription {
  const { location, patience } = connection;
  const closing = new AbortController();
  const signal = AbortSignal.any([closing.signal, connection.closing]);
  const place: Place = { after: afterPosition === 0 ? START : atPosition(afterPosition), failures: 0 };

  async function handOver(page: readonly AllStreamResolvedEvent[]): Promise<void> {
    const events = page.flatMap(({ event }) => (event === undefined ? [] : [event]));
    const recorded = events.map((event) => toRecordedEvent(toRow(location.streamPrefix, event)));
    try {
      await onPage(recorded);
    } catch (cause) {
      throw new HandlerError('the handler failed', { cause });
    }
    place.after = events.at(-1)?.position ?? place.after;
    place.failures = 0;
  }

  async function follow(): Promise<void> {
    while (!signal.aborted) {
      try {
        await followUntilBroken(connection, place, handOver, signal);
      } catch (error) {
        if (error instanceof HandlerError) throw error.cause;
        const fault = kurrentFault(location.shown, error);
        if (fault.kind === 'lasting') throw fault.error;
      }
      place.failures += 1;
      await delay(backoffMs(patience, place.failures), undefined, { signal }).catch(() => {});
    }
  }

  const ended = follow();
  return {
    ended,
    async close() {
      closing.abort();
      await ended.catch(() => {});
    },
  };
}

/** Keeps what the handler throws apart from what the database does. */
class HandlerError extends Error {
  override readonly name = 'HandlerError';
}

/** Resolves when the server ends the subscription or the signal aborts, rejects when it breaks. */
async function followUntilBroken(
  { client, location }: KurrentConnection,
  place: Place,
  handOver: (page: readonly AllStreamResolvedEvent[]) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  let isInHand = false;
  const filter = streamNameFilter({
    prefixes: [location.streamPrefix],
    maxSearchWindow: defaultPageSize,
    checkpointReached(subscription, position) {
      // Only where everything before has been handed over: an event still on its way would be skipped.
      if (!isInHand && subscription.readableLength === 0) place.after = position;
    },
  });
  const options = { fromPosition: place.after, filter, requiresLeader: true };
  const subscription = client.subscribeToAll(options, { highWaterMark: defaultPageSize });
  const changes = changesOf(subscription, signal);
  try {
    while (!signal.aborted) {
      const changed = changes.next();
      const page = buffered(subscription);
      if (page.length > 0) {
        isInHand = true;
        await handOver(page);
        isInHand = false;
      } else if (changes.fault !== null) throw changes.fault;
      else if (subscription.readableEnded || subscription.destroyed) return;
      else await changed;
    }
  } finally {
    changes.stop();
    subscription.unsubscribe().catch(() => {});
  }
}

function buffered(subscription: AllStreamSubscription): readonly AllStreamResolvedEvent[] {
  const page: AllStreamResolvedEvent[] = [];
  while (page.length < defaultPageSize) {
    const event: AllStreamResolvedEvent | null = subscription.read();
    if (event === null) return page;
    page.push(event);
  }
  return page;
}

/** Wakes whoever waits for something to happen to a subscription. An error is kept, since it may come while a page is in hand. */
function changesOf(subscription: AllStreamSubscription, signal: AbortSignal) {
  const state = { fault: null as Error | null, wake: () => {} };
  const wake = () => state.wake();
  for (const name of ['readable', 'end', 'close']) subscription.addListener(name, wake);
  subscription.on('error', (error: Error) => {
    state.fault ??= error;
    wake();
  });
  signal.addEventListener('abort', wake);
  return {
    get fault() {
      return state.fault;
    },
    /** To be asked for before looking, so that no change falls between the look and the wait. */
    next: () =>
      new Promise<void>((resolve) => {
        state.wake = resolve;
      }),
    stop: () => signal.removeEventListener('abort', wake),
  };
}
