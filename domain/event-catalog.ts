import type { z } from 'zod';
import type { EventEnvelope, Fact } from './event.ts';
import type { JsonObject } from './json.ts';
import { type PolicyEvent, policyEventSchemas } from './policy/events.ts';
import { type SlotEvent, slotEventSchemas } from './slot/events.ts';
import { type SubmissionEvent, submissionEventSchemas } from './submission/events.ts';
import { type Upcasters, upcasters } from './upcasters.ts';

export type DomainEvent = SubmissionEvent | SlotEvent | PolicyEvent;

/** Schemas of the newest version of every event, by type. */
export const eventSchemas: Readonly<Record<DomainEvent['type'], z.ZodType>> = {
  ...submissionEventSchemas,
  ...slotEventSchemas,
  ...policyEventSchemas,
};

/** A stored event that this version of the program can't read: unknown type, unknown version, or data of another shape. */
export class UnreadableEventError extends Error {
  override readonly name = 'UnreadableEventError';
  readonly eventId: string;
  constructor(envelope: EventEnvelope, message: string, cause?: unknown) {
    super(`event ${envelope.id} (${envelope.type} v${envelope.schemaVersion} in ${envelope.stream}): ${message}`, {
      cause,
    });
    this.eventId = envelope.id;
  }
}

/** What a program knows about reading events. */
export type EventCatalog<Event extends Fact> = {
  /** The version that a type is written in now, from 1. */
  newestVersion(type: string): number;
  /** Parses a stored event of any version into the newest. The envelope stays as it is. Throws `UnreadableEventError`. */
  read(envelope: EventEnvelope): Event;
};

export function eventCatalog<Event extends Fact>(
  schemas: Readonly<Record<string, z.ZodType>>,
  steps: Upcasters,
): EventCatalog<Event> {
  const stepsOf = (type: string) => (Object.hasOwn(steps, type) ? (steps[type] ?? []) : []);
  const newestVersion = (type: string) => stepsOf(type).length + 1;

  function upcast(envelope: EventEnvelope): JsonObject {
    try {
      return stepsOf(envelope.type)
        .slice(envelope.schemaVersion - 1)
        .reduce((data, step) => step(data), envelope.data);
    } catch (cause) {
      throw new UnreadableEventError(envelope, "its data can't be read as the newest version", cause);
    }
  }

  return {
    newestVersion,
    read(envelope) {
      const schema = Object.hasOwn(schemas, envelope.type) ? schemas[envelope.type] : undefined;
      if (schema === undefined) throw new UnreadableEventError(envelope, 'unknown type');
      if (envelope.schemaVersion > newestVersion(envelope.type))
        throw new UnreadableEventError(envelope, 'unknown schema version');
      const parsed = schema.safeParse(upcast(envelope));
      if (!parsed.success) throw new UnreadableEventError(envelope, 'its data has another shape', parsed.error);
      return { type: envelope.type, data: parsed.data } as Event;
    },
  };
}

const domainCatalog = eventCatalog<DomainEvent>(eventSchemas, upcasters);

/** Parses a stored event into a domain event of the newest version. Throws `UnreadableEventError`. */
export function toDomainEvent(envelope: EventEnvelope): DomainEvent {
  return domainCatalog.read(envelope);
}

/** The schema version that events of a type are written in. */
export function newestVersion(type: string): number {
  return domainCatalog.newestVersion(type);
}
