import { type ClaimEvent, claimEventSchemas } from './claim/claim.ts';
import type { EventEnvelope } from './event.ts';
import { type OperatorEvent, operatorEventSchemas } from './operator/events.ts';
import { type PolicyEvent, policyEventSchemas } from './policy/events.ts';
import { type SlotEvent, slotEventSchemas } from './slot/events.ts';
import { type SubmissionEvent, submissionEventSchemas } from './submission/events.ts';

export type DomainEvent = SubmissionEvent | SlotEvent | PolicyEvent | ClaimEvent | OperatorEvent;

const schemas = {
  ...submissionEventSchemas,
  ...slotEventSchemas,
  ...policyEventSchemas,
  ...claimEventSchemas,
  ...operatorEventSchemas,
};

/** The newest schema version of every event type. */
export const currentSchemaVersion = 1;

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

function isKnownType(type: string): type is keyof typeof schemas {
  return Object.hasOwn(schemas, type);
}

/** Parses a stored event into a domain event. Throws `UnreadableEventError`. */
export function toDomainEvent(envelope: EventEnvelope): DomainEvent {
  if (!isKnownType(envelope.type)) throw new UnreadableEventError(envelope, 'unknown type');
  if (envelope.schemaVersion !== currentSchemaVersion)
    throw new UnreadableEventError(envelope, 'unknown schema version');
  const parsed = schemas[envelope.type].safeParse(envelope.data);
  if (!parsed.success) throw new UnreadableEventError(envelope, 'its data has another shape', parsed.error);
  return { type: envelope.type, data: parsed.data } as DomainEvent;
}
