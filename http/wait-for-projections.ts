import type { Middleware } from 'koa';
import { z } from 'zod';
import type { Projection } from '../projections/projection.ts';
import type { Projected } from '../projections/read-your-writes.ts';
import { problem } from './problem.ts';
import { integerParameter, parseQuery } from './query.ts';

const querySchema = z.object({ wait: z.enum(['projected']).optional(), position: integerParameter.optional() });

/** What a client may do while something isn't to be seen yet. */
export const retryAfter = { 'Retry-After': '1' };

/**
 * Read your writes: with `?wait=projected` a query is answered once its read models show everything up to `&position=` (of an
 * earlier answer), or up to what the log holds now. Where that takes longer than the bound, 503 with `Retry-After`.
 */
export function waitForProjections(
  deps: { readonly projected: Projected; readonly head: () => Promise<number> },
  ...projections: readonly Projection[]
): Middleware {
  return async (ctx, next) => {
    const { wait, position: wanted } = parseQuery(ctx, querySchema);
    if (wait === 'projected') {
      const position = wanted ?? (await deps.head());
      if (!(await deps.projected(position, projections))) {
        const detail = `The read models don't show position ${position} yet; ask again.`;
        throw problem('notProjected', detail, { position }, retryAfter);
      }
    }
    await next();
  };
}
