import { z } from 'zod';
import type { Call, ModuleFacts, Site, Use } from '../domain/ports/inspector.ts';
import { digestSchema } from '../domain/values.ts';

/** The lines that an inspector is asked and answers in (PROTOCOL.md §5), wherever it runs. */

export type SourceFile = { readonly path: string; readonly bytes: Uint8Array };

const place = z.int().nonnegative();
const site = { node: z.string(), line: place, column: place, excerptHash: digestSchema };
const siteSchema = z.strictObject(site) satisfies z.ZodType<Site>;
const useSchema = siteSchema.extend({ name: z.string(), called: z.boolean() }) satisfies z.ZodType<Use>;
const argumentSchema = z.strictObject({ text: z.string().nullable(), mentions: z.array(z.string()) });
const callSchema = siteSchema.extend({
  name: z.string(),
  arguments: z.array(argumentSchema),
  keywords: z.record(z.string(), argumentSchema),
  guards: z.array(z.string()),
}) satisfies z.ZodType<Call>;

// Hundreds of values a module: they are checked together, since a schema for each of them takes longer than all that is done with them.
const shinglesSchema = z
  .string()
  .regex(/^(?:[0-9a-f]{16})*$/)
  .transform((digits) => digits.match(/.{16}/g) ?? []);
const placesSchema = z
  .array(z.number())
  .refine((places) => places.every((each) => Number.isSafeInteger(each) && each >= 0));

const moduleSchema = z.strictObject({
  path: z.string(),
  error: z.strictObject({ line: place, column: place, message: z.string() }).nullable(),
  symbols: z.array(z.strictObject({ name: z.string(), callable: z.enum(['yes', 'no', 'unknown']), line: place })),
  architectureName: z.string().nullable(),
  imports: z.array(z.string()),
  canonicalHash: digestSchema,
  canonicalSource: z.string(),
  uses: z.array(useSchema),
  calls: z.array(callSchema),
  exports: z.record(z.string(), z.array(z.string())),
  functions: z.array(z.strictObject({ name: z.string(), line: place, calls: z.array(z.string()) })),
  literals: z.array(
    z.strictObject({
      kind: z.enum(['text', 'bytes', 'integer', 'collection']),
      bytes: place,
      entropyBits: z.number().min(0).max(8),
      line: place,
      column: place,
    }),
  ),
  prose: z.array(z.tuple([place, place])),
  shingles: shinglesSchema,
  definitions: z.array(z.strictObject({ name: z.string(), shingles: placesSchema })),
}) satisfies z.ZodType<ModuleFacts>;

const answerSchema = z.union([
  z.strictObject({ id: z.string(), modules: z.array(moduleSchema) }),
  z.strictObject({ id: z.string().nullable(), error: z.string() }),
]);

export function inspectorQuestion(id: string, sources: readonly SourceFile[]): string {
  const files = sources.map(({ path, bytes }) => ({ path, source: Buffer.from(bytes).toString('base64') }));
  return `${JSON.stringify({ id, files })}\n`;
}

/** Throws for whatever isn't an answer to question `id`. */
export function parseInspectorAnswer(line: string, id: string): readonly ModuleFacts[] {
  const answer = answerSchema.parse(JSON.parse(line));
  if (answer.id !== id) throw new Error(`An answer to question ${answer.id} came in place of ${id}.`);
  if ('error' in answer) throw new Error(`The inspector refused: ${answer.error}`);
  return answer.modules;
}
