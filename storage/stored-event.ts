import { isUtf8 } from 'node:buffer';
import { z } from 'zod';
import { canonicalJson } from '../domain/canonical-json.ts';
import type { EventEnvelope, RecordedEvent } from '../domain/event.ts';
import type { JsonObject } from '../domain/json.ts';

/**
 * Envelope ↔ stored bytes. The bytes are what is hashed, signed and exported, so they are written once and handed on
 * as they are. Does not check `data` against the type: that is the domain's event catalog.
 */
const envelopeSchema = z.strictObject({
  id: z.uuid(),
  type: z.string().min(1),
  schemaVersion: z.int().positive(),
  stream: z.string().min(1),
  recordedAt: z.iso.datetime({ precision: 3 }),
  correlationId: z.string().min(1),
  causationId: z.string().min(1),
  data: z.custom<JsonObject>(isPlainObject, 'expected an object'),
}) satisfies z.ZodType<EventEnvelope>;

/** An envelope that can't be stored, or stored bytes that aren't one. */
export class StoredEventError extends Error {
  override readonly name = 'StoredEventError';
}

/** A row of any store: the bytes with the places the store gave them. */
export type StoredEvent = {
  readonly position: number;
  readonly revision: number;
  readonly stream: string;
  readonly id: string;
  readonly bytes: Uint8Array;
};

/**
 * Canonical JSON of an envelope. Applies the check of the reading side too, for what is appended can't be taken back.
 */
export function encodeEnvelope(envelope: EventEnvelope): Uint8Array {
  const parsed = envelopeSchema.safeParse(envelope);
  if (!parsed.success) {
    throw new StoredEventError(`event ${envelope.id} can't be stored: ${explain(parsed.error)}`);
  }
  return Buffer.from(canonicalJson(envelope), 'utf8');
}

/** Parses stored bytes. Throws `StoredEventError` for anything but an envelope in UTF-8 JSON. */
export function decodeEnvelope(bytes: Uint8Array): EventEnvelope {
  const parsed = envelopeSchema.safeParse(parseJson(bytes));
  if (!parsed.success) throw new StoredEventError(`stored bytes are no event: ${explain(parsed.error)}`);
  return parsed.data;
}

/** Parses a stored row and checks that the bytes tell the same id and stream as the row they stand in. */
export function toRecordedEvent(stored: StoredEvent): RecordedEvent {
  const { position, revision, bytes } = stored;
  try {
    const envelope = decodeEnvelope(bytes);
    if (envelope.id !== stored.id || envelope.stream !== stored.stream) {
      throw new StoredEventError(`the bytes are event ${envelope.id} of ${envelope.stream}`);
    }
    return { envelope, position, revision, bytes };
  } catch (cause) {
    throw new StoredEventError(`event ${stored.id} at position ${position} (${stored.stream}) is unreadable`, {
      cause,
    });
  }
}

function parseJson(bytes: Uint8Array): unknown {
  if (!isUtf8(bytes)) throw new StoredEventError('stored bytes are not UTF-8');
  try {
    return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8'));
  } catch (cause) {
    throw new StoredEventError('stored bytes are not JSON', { cause });
  }
}

function isPlainObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function explain(error: z.ZodError): string {
  return error.issues.map((issue) => `${issue.path.join('.') || 'envelope'}: ${issue.message}`).join('; ');
}
