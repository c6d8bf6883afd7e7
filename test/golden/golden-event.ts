import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { packageRoot } from '../../cli/package-root.ts';
import { sha256Hex } from '../../domain/blob-digest.ts';
import type { JsonObject, JsonValue } from '../../domain/json.ts';
import { encodeEnvelope } from '../../storage/stored-event.ts';
import { samplesOf } from './samples-of.ts';

const objectSchema = z.record(z.string(), z.custom<JsonValue>());
/** One version of an event type as it was when it was made: its schema, and stored bytes. Once committed it never changes. */
const goldenSchema = z.strictObject({
  schema: objectSchema,
  stored: z.array(z.strictObject({ text: z.string(), sha256: z.string() })).min(1),
});
export type GoldenEvent = z.infer<typeof goldenSchema>;

export const goldenFolder = join(packageRoot, 'test/golden/events');

export function goldenName(type: string, version: number): string {
  return `${type}.v${version}.json`;
}

export function goldenNames(): readonly string[] {
  return readdirSync(goldenFolder).toSorted();
}

export function readGolden(name: string): GoldenEvent {
  return goldenSchema.parse(JSON.parse(readFileSync(join(goldenFolder, name), 'utf8')));
}

/** A schema as data, in which any change of it shows but one of a refinement. */
export function describeSchema(schema: z.ZodType): JsonObject {
  return objectSchema.parse(z.toJSONSchema(schema));
}

export function makeGolden(type: string, schemaVersion: number, schema: z.ZodType): GoldenEvent {
  const described = describeSchema(schema);
  const stored = samplesOf(described).map((data, index) => {
    const bytes = encodeEnvelope({
      id: `00000000-0000-5000-8000-00000000000${index}`,
      type,
      schemaVersion,
      stream: 'golden',
      recordedAt: '2026-01-01T00:00:00.000Z',
      correlationId: 'golden',
      causationId: 'golden',
      data: objectSchema.parse(schema.parse(data)),
    });
    return { text: Buffer.from(bytes).toString('utf8'), sha256: sha256Hex(bytes) };
  });
  return { schema: described, stored };
}

/** One line for the schema and one for each event, so that a change of any shows as one. */
export function writeGolden(name: string, { schema, stored }: GoldenEvent): void {
  const events = stored.map((event) => `    ${JSON.stringify(event)}`).join(',\n');
  const text = `{\n  "schema": ${JSON.stringify(schema)},\n  "stored": [\n${events}\n  ]\n}\n`;
  writeFileSync(join(goldenFolder, name), text);
}
