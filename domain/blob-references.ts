import type { JsonObject, JsonValue } from './json.ts';
import type { BlobReference } from './ports/blobs.ts';
import { blobReferenceSchema } from './values.ts';

/**
 * The blobs that an event's data names, wherever in it. Known by their shape, so that it holds for every version of every
 * event.
 */
export function blobsNamedIn(data: JsonObject): readonly BlobReference[] {
  const reference = blobReferenceSchema.safeParse(data);
  return reference.success ? [reference.data] : Object.values(data).flatMap(namedInValue);
}

function namedInValue(value: JsonValue): readonly BlobReference[] {
  if (Array.isArray(value)) return value.flatMap(namedInValue);
  return isObject(value) ? blobsNamedIn(value) : [];
}

function isObject(value: JsonValue): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
