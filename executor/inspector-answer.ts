import { z } from 'zod';
import type { BundleMeter } from '../domain/ports/bundle-meter.ts';
import {
  type Call,
  type FunctionFacts,
  type Inspector,
  InspectorUnavailableError,
  type ModuleFacts,
  type Site,
  type Use,
} from '../domain/ports/inspector.ts';
import { digestSchema } from '../domain/values.ts';

/** The lines that an inspector is asked and answers in (PROTOCOL.md §5), wherever it runs. */

/** Binary content goes as base64. */
export type InspectorQuestion =
  | { readonly files: readonly { readonly path: string; readonly source: string }[] }
  | { readonly bundle: string };
/** An answer is no longer than this. */
export const answerLineBytes = 32 * 2 ** 20;
export type InspectorAnswer = { readonly modules: readonly ModuleFacts[] } | { readonly xzBytes: number };

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

const functionSchema = z.strictObject({
  name: z.string(),
  line: place,
  lastLine: place,
  calls: z.array(z.string()),
  callers: z.array(z.strictObject({ name: z.string(), guards: z.array(z.string()) })),
}) satisfies z.ZodType<FunctionFacts>;

// Hundreds of hashes a module, one behind the other: a schema for each of them would take longer than all that is done with them.
const shinglesSchema = z
  .string()
  .regex(/^[0-9a-f]*$/)
  .refine(({ length }) => length % 16 === 0);

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
  attributes: z.array(z.string()),
  functions: z.array(functionSchema),
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
  definitions: z.array(z.strictObject({ name: z.string(), shingles: shinglesSchema })),
}) satisfies z.ZodType<ModuleFacts>;

const answerSchema = z.union([
  z.strictObject({ id: z.string(), modules: z.array(moduleSchema) }),
  z.strictObject({ id: z.string(), xzBytes: z.int().positive() }),
  z.strictObject({ id: z.string().nullable(), error: z.string() }),
]);

export function inspectorLine(id: string, question: InspectorQuestion): string {
  return `${JSON.stringify({ id, ...question })}\n`;
}

/** Throws for whatever isn't an answer to question `id`. */
export function parseInspectorAnswer(line: string, id: string): InspectorAnswer {
  const answer = answerSchema.parse(JSON.parse(line));
  if (answer.id !== id) throw new Error(`An answer to question ${answer.id} came in place of ${id}.`);
  if ('error' in answer) throw new Error(`The inspector refused: ${answer.error}`);
  return answer;
}

/** What an inspector is for its callers; `ask` is called again once it has answered. */
export function asksInTurn(
  ask: (question: InspectorQuestion) => Promise<InspectorAnswer>,
): Inspector & BundleMeter & { idle(): Promise<unknown> } {
  let queue: Promise<unknown> = Promise.resolve();
  const inTurn = (question: InspectorQuestion) => {
    const answer = queue.then(() => ask(question));
    queue = answer.catch(() => {});
    return answer;
  };
  return {
    async inspect(sources) {
      const files = sources.map(({ path, bytes }) => ({ path, source: base64(bytes) }));
      const answer = await inTurn({ files });
      return 'modules' in answer ? answer.modules : otherAnswer();
    },
    async xzBytes(canonicalBundle) {
      const answer = await inTurn({ bundle: base64(canonicalBundle) });
      return 'xzBytes' in answer ? answer.xzBytes : otherAnswer();
    },
    idle: () => queue,
  };
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}

function otherAnswer(): never {
  throw new InspectorUnavailableError('The inspector answered another question.');
}
