import type { RecordedEvent } from '../domain/event.ts';
import { toDomainEvent } from '../domain/event-catalog.ts';
import { operatorStream } from '../domain/operator/events.ts';
import { hasSkipped, operatorAggregate } from '../domain/operator/operator-aggregate.ts';
import type { EventLog } from '../domain/ports/event-log.ts';

/**
 * Which events projections go on without, as operators have decided so far. The decision comes later in the log than the event it is
 * about, so whoever folds reads these first: then a fold from zero leaves the rows that a projection has which stopped and went on.
 */
export type Skips = { has(projection: string, eventId: string): boolean };

const pageSize = 512;

export async function readSkips(log: Pick<EventLog, 'readStream'>): Promise<Skips> {
  let state = operatorAggregate.initialState;
  for (let next = 0; ; ) {
    const page = await log.readStream(operatorStream, next, pageSize);
    for (const recorded of page) {
      const event = skipIn(recorded);
      if (event !== null) state = operatorAggregate.evolve(state, event);
      next = recorded.revision + 1;
    }
    if (page.length < pageSize) return { has: (projection, eventId) => hasSkipped(state, projection, eventId) };
  }
}

/** The decision to skip that an event is, or null. What else operators decide, perhaps in a later version, is no business of projections. */
export function skipIn({ envelope }: RecordedEvent) {
  if (envelope.stream !== operatorStream || envelope.type !== 'ProjectionEventSkipped') return null;
  const event = toDomainEvent(envelope);
  return event.type === 'ProjectionEventSkipped' ? event : null;
}

/** Whether a page tells of a decision about one of these projections that `known` doesn't have. */
export function hasNewSkip(page: readonly RecordedEvent[], known: Skips, projections: readonly { name: string }[]) {
  return page.some((recorded) => {
    const data = skipIn(recorded)?.data;
    if (data === undefined || known.has(data.projection, data.eventId)) return false;
    return projections.some(({ name }) => name === data.projection);
  });
}
