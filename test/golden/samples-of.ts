import { z } from 'zod';
import type { JsonObject, JsonValue } from '../../domain/json.ts';

/** What is looked at of JSON Schema; anything else in an event's schema makes the walk below fail. */
type Schema = {
  readonly type?: string | readonly string[] | undefined;
  readonly anyOf?: readonly Schema[] | undefined;
  readonly properties?: Readonly<Record<string, Schema>> | undefined;
  readonly items?: Schema | undefined;
  readonly enum?: readonly JsonValue[] | undefined;
  readonly const?: JsonValue | undefined;
  readonly default?: JsonValue | undefined;
  readonly format?: string | undefined;
  readonly pattern?: string | undefined;
  readonly minLength?: number | undefined;
  readonly minimum?: number | undefined;
  readonly exclusiveMinimum?: number | undefined;
};

const json = z.custom<JsonValue>();
const schemaSchema: z.ZodType<Schema> = z.looseObject({
  type: z.union([z.string(), z.array(z.string())]).optional(),
  anyOf: z.array(z.lazy(() => schemaSchema)).optional(),
  properties: z
    .record(
      z.string(),
      z.lazy(() => schemaSchema),
    )
    .optional(),
  items: z.lazy(() => schemaSchema).optional(),
  enum: z.array(json).optional(),
  const: json.optional(),
  default: json.optional(),
  format: z.string().optional(),
  pattern: z.string().optional(),
  minLength: z.number().optional(),
  minimum: z.number().optional(),
  exclusiveMinimum: z.number().optional(),
});

/** Two values that a schema takes: one with everything there, and one with null wherever it may be. */
export function samplesOf(schema: JsonObject): readonly JsonValue[] {
  const parsed = schemaSchema.parse(schema);
  return [sampleOf(parsed, false), sampleOf(parsed, true)];
}

function sampleOf(schema: Schema, isLean: boolean): JsonValue {
  if (schema.const !== undefined) return schema.const;
  if (schema.enum !== undefined) return schema.enum.at(isLean ? -1 : 0) ?? null;
  if (schema.default !== undefined) return schema.default;
  if (schema.anyOf !== undefined) {
    const [first, ...others] = schema.anyOf.toSorted((left, right) => rank(left) - rank(right));
    const chosen = isLean ? (others.at(-1) ?? first) : first;
    return chosen === undefined ? null : sampleOf(chosen, isLean);
  }
  const types = typeof schema.type === 'string' ? [schema.type] : (schema.type ?? []);
  if (types.includes('null') && (isLean || types.length === 1)) return null;
  return sampleOfType(types[0], schema, isLean);
}

/** Null last. */
function rank({ type }: Schema): number {
  return type === 'null' ? 1 : 0;
}

function sampleOfType(type: string | undefined, schema: Schema, isLean: boolean): JsonValue {
  switch (type) {
    case 'object':
      return Object.fromEntries(
        Object.entries(schema.properties ?? {}).map(([name, member]) => [name, sampleOf(member, isLean)]),
      );
    case 'array':
      return schema.items === undefined ? [] : [sampleOf(schema.items, isLean)];
    case 'string':
      return sampleText(schema, isLean);
    case 'integer':
    case 'number': {
      const least = schema.minimum ?? (schema.exclusiveMinimum === undefined ? 0 : schema.exclusiveMinimum + 1);
      const lowest = Math.max(0, least);
      return isLean ? lowest : lowest + (type === 'integer' ? 1 : 0.1);
    }
    case 'boolean':
      return !isLean;
    default:
      throw new Error(`no sample for ${JSON.stringify(schema)}`);
  }
}

function sampleText({ format, pattern, minLength = 0 }: Schema, isLean: boolean): string {
  if (format === 'date-time') return '2026-01-01T00:00:00.000Z';
  if (format === 'uuid') return '97edb3fc-6f3a-5fb5-8d0b-3c1f0a2d4e61';
  const digits = /^\^\[0-9a-f\]\{(\d+)\}\$$/.exec(pattern ?? '')?.[1];
  if (digits !== undefined) return (isLean ? '00' : '3a').repeat(Number(digits) / 2);
  if (pattern === '.*\\.json$') return isLean ? 'x.json' : 'words/tokens.json';
  if (pattern !== undefined) throw new Error(`no sample of ${pattern}`);
  return isLean ? 'x'.repeat(minLength) : 'text "ü"\n\u{1f600}';
}
