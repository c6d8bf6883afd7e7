import type { RecordedEvent } from '../../domain/event.ts';

/**
 * Follows every event's cause back through the log to the command from outside with which its chain began. Returns the
 * beginnings, each once. Throws where a cause isn't older than what it caused.
 */
export function beginningsOf(events: readonly RecordedEvent[]): readonly string[] {
  const byId = new Map(events.map((event) => [event.envelope.id, event]));
  const beginningOf = (event: RecordedEvent): string => {
    const cause = byId.get(event.envelope.causationId);
    if (cause === undefined) return event.envelope.causationId;
    if (cause.position >= event.position) throw new Error(`${event.envelope.type} is older than its cause`);
    return beginningOf(cause);
  };
  return [...new Set(events.map(beginningOf))];
}

/** What belongs to one matter, in the order of the log. */
export function correlated(events: readonly RecordedEvent[], correlationId: string): readonly RecordedEvent[] {
  return events.filter(({ envelope }) => envelope.correlationId === correlationId);
}
