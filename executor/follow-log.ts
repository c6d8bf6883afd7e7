import { setTimeout as delay } from 'node:timers/promises';
import type { RecordedEvent } from '../domain/event.ts';
import { toDomainEvent } from '../domain/event-catalog.ts';
import type { EventLog, Subscription } from '../domain/ports/event-log.ts';
import { submissionStreamPrefix } from '../domain/submission/events.ts';
import type { SlotActor, SlotSignal } from './executor-actor.ts';
import type { Logger } from './logger.ts';

const resubscribeAfterMs = 1_000;

/**
 * Feeds the slots' actors with the log's events after `position`, until closed. A subscription that ends by a fault is
 * taken up again where it broke off: an executor that has stopped listening would look healthy and do nothing.
 */
export function followLog(
  log: Pick<EventLog, 'subscribe'>,
  position: number,
  actors: ReadonlyMap<string, Pick<SlotActor, 'send'>>,
  logger: Logger,
): { close(): Promise<void> } {
  const closing = new AbortController();
  let last = position;
  let subscription: Subscription | null = null;

  async function follow(): Promise<void> {
    while (!closing.signal.aborted) {
      subscription = log.subscribe(last, (page) => {
        for (const recorded of page) {
          deliver(recorded, actors);
          last = recorded.position;
        }
      });
      try {
        await subscription.ended;
        if (!closing.signal.aborted) logger.warn({ last }, "the executor's subscription ended and is taken up again");
      } catch (error) {
        logger.error({ err: error, last }, "the executor's subscription failed and is taken up again");
      }
      await delay(resubscribeAfterMs, undefined, { signal: closing.signal }).catch(() => {});
    }
  }

  const following = follow();
  return {
    async close() {
      closing.abort();
      await subscription?.close();
      await following;
    },
  };
}

function deliver(recorded: RecordedEvent, actors: ReadonlyMap<string, Pick<SlotActor, 'send'>>): void {
  const { stream, type } = recorded.envelope;
  const actor = actors.get(stream);
  if (actor !== undefined) {
    const signal = slotSignal(recorded);
    if (signal !== null) actor.send(signal);
  } else if (type === 'AttemptCancelled' && stream.startsWith(submissionStreamPrefix)) {
    const signal = cancellation(recorded);
    // Only the slot that has this very attempt heeds it.
    if (signal !== null) for (const each of actors.values()) each.send(signal);
  }
}

function slotSignal(recorded: RecordedEvent): SlotSignal | null {
  const event = toDomainEvent(recorded.envelope);
  switch (event.type) {
    case 'LeaseGranted':
      return { type: 'leased', leased: { lease: event.data, grantedBy: recorded.envelope.id } };
    case 'LeaseExpired':
      return { type: 'leaseEnded', fencingToken: event.data.fencingToken };
    default:
      return null;
  }
}

/**
 * Holds, withdrawals and failures cancel running attempts in the same append, so this event is the only one to heed.
 */
function cancellation({ envelope }: RecordedEvent): SlotSignal | null {
  const event = toDomainEvent(envelope);
  if (event.type !== 'AttemptCancelled') return null;
  const { run, attempt, fencingToken } = event.data;
  return {
    type: 'cancelled',
    submissionId: envelope.stream.slice(submissionStreamPrefix.length),
    run,
    attempt,
    fencingToken,
  };
}
