import type { Context } from 'koa';
import { z } from 'zod';
import { problem } from './problem.ts';
import { readJson } from './read-json.ts';

const bodyLimitBytes = 65_536;

const text = z.string().trim();
/** Who decides, and why; both go into the log. */
export const decisionSchema = z.strictObject({
  operator: text.regex(/^[^\p{C}]{1,128}$/u, 'expected 1 to 128 printable characters'),
  reason: text.regex(/^[^\p{Cs}]{1,2000}$/u, 'expected 1 to 2000 characters'),
});

/** The body of an operator's request; whatever doesn't fit is a problem that names the member. */
export async function readDecision<Decision>(ctx: Context, schema: z.ZodType<Decision>): Promise<Decision> {
  const parsed = schema.safeParse(await readJson(ctx, bodyLimitBytes));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw problem('invalidContent', `${issue?.path.join('.') || 'body'}: ${issue?.message ?? 'invalid'}.`);
}
