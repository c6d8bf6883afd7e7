import type { RouterContext } from '@koa/router';
import { z } from 'zod';
import { problem } from './problem.ts';

const idSchema = z.uuid();

/** The `:id` of the path. What can't be an id names nothing: 404, like an unknown one. */
export function submissionIdFrom(ctx: Pick<RouterContext, 'params'>): string {
  const id = idSchema.safeParse(ctx.params.id);
  if (!id.success) throw unknownSubmission();
  return id.data.toLowerCase();
}

export function unknownSubmission() {
  return problem('notFound', 'There is no such submission.');
}
