import type { z } from 'zod';
import { problem } from './problem.ts';

/** Where a list goes on. Opaque to clients; what stands in it may change with any release. */
export function encodeCursor(place: unknown): string {
  return Buffer.from(JSON.stringify(place)).toString('base64url');
}

/** Null without a cursor; a cursor that isn't ours is a problem, never the first page. */
export function decodeCursor<Place>(cursor: string | null, schema: z.ZodType<Place>): Place | null {
  if (cursor === null) return null;
  const place = schema.safeParse(parseJson(cursor));
  if (!place.success) throw problem('badCursor', 'Take the cursor as it stands in `next_cursor` of the page before.');
  return place.data;
}

function parseJson(cursor: string): unknown {
  try {
    return JSON.parse(Buffer.from(cursor, 'base64url').toString());
  } catch {
    return undefined;
  }
}
