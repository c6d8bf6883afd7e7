import type { Context } from 'koa';
import { z } from 'zod';
import { problem } from './problem.ts';

/** Parses the query string; a parameter given twice, or of another shape, is a problem that names it. */
export function parseQuery<Query>(ctx: Pick<Context, 'query'>, schema: z.ZodType<Query>): Query {
  const parsed = schema.safeParse(ctx.query);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw problem('badRequest', `Query parameter ${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'invalid'}.`);
}

export const cursorParameter = z
  .string()
  .max(1_024)
  .nullish()
  .transform((cursor) => cursor ?? null);
export const integerParameter = z
  .string()
  .regex(/^\d{1,15}$/, 'expected a whole number')
  .transform(Number);
