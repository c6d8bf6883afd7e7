import { z } from 'zod';
import { countSchema, digestSchema } from '../domain/values.ts';

/**
 * A log as JSON lines, in the log's order; made to move between adapters, and readable by any program:
 *
 *   {"kind":"log","version":1}
 *   {"kind":"blob","sha256":…,"bytes":n}            before the first event that names it, followed by its parts
 *   {"kind":"part","base64":…}
 *   {"kind":"event","position":…,"revision":…,"sha256":…,"text":…}
 *   {"kind":"end","events":n,"blobs":n,"digest":…}  without it the export was cut off
 *
 * `text` is the stored bytes as they are, which are UTF-8; `sha256` is over them. `position` is the place in the log that
 * was exported, and means nothing to another.
 */
export const exportVersion = 1;

export const exportLineSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('log'), version: z.literal(exportVersion) }),
  z.strictObject({ kind: z.literal('blob'), sha256: digestSchema, bytes: countSchema }),
  z.strictObject({ kind: z.literal('part'), base64: z.base64() }),
  z.strictObject({
    kind: z.literal('event'),
    position: countSchema,
    revision: countSchema,
    sha256: digestSchema,
    text: z.string(),
  }),
  z.strictObject({ kind: z.literal('end'), events: countSchema, blobs: countSchema, digest: digestSchema }),
]);
export type ExportLine = z.infer<typeof exportLineSchema>;
export type ExportedEvent = Extract<ExportLine, { kind: 'event' }>;
export type ExportEnd = Extract<ExportLine, { kind: 'end' }>;
