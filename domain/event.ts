import type { JsonObject } from './json.ts';

/**
 * The envelope of every fact. Its canonical JSON (RFC 8785) is what is stored, hashed and exported; position and
 * revision belong to the log and are not part of it.
 */
export type EventEnvelope<Type extends string = string, Data = JsonObject> = {
  /** UUIDv5 of the command, the stream and the index: a retry is the same event. */
  readonly id: string;
  readonly type: Type;
  readonly schemaVersion: number;
  readonly stream: string;
  /** ISO 8601 UTC with milliseconds. */
  readonly recordedAt: string;
  /** What the whole chain is about: the submission's id wherever there is one. */
  readonly correlationId: string;
  /** Id of the stored event that this one was brought about by, or of the command from outside that began the chain. */
  readonly causationId: string;
  readonly data: Data;
};

/** A fact as `decide` yields it, before it has an envelope. */
export type Fact<Type extends string = string, Data = unknown> = { readonly type: Type; readonly data: Data };

/** An envelope with its places in the log. `position` rises strictly along the log; nothing may count on `+1`. */
export type RecordedEvent = {
  readonly envelope: EventEnvelope;
  readonly position: number;
  /** Place in the stream, from 0, dense. */
  readonly revision: number;
  /** The stored bytes: canonical JSON of the envelope. */
  readonly bytes: Uint8Array;
};
