import type { Middleware } from 'koa';
import { z } from 'zod';
import type { HoldQueries } from '../../projections/holds.ts';
import { decodeCursor, encodeCursor } from '../cursor.ts';
import { holdBody } from '../hold-body.ts';
import { cursorParameter, parseQuery } from '../query.ts';

const pageSize = 50;
const querySchema = z.object({ state: z.enum(['open', 'all']).default('open'), cursor: cursorParameter });
const positionSchema = z.int().nonnegative();

/** `GET /internal/v1/holds`: what waits for an operator, oldest first; with `?state=all` also what was decided or expired. */
export function getHolds(deps: { readonly holds: Pick<HoldQueries, 'holds'> }): Middleware {
  return async (ctx) => {
    const { state, cursor } = parseQuery(ctx, querySchema);
    const after = decodeCursor(cursor, positionSchema) ?? 0;
    const found = deps.holds.holds(state, after, pageSize + 1);
    const page = found.slice(0, pageSize);
    const last = found.length > pageSize ? page.at(-1) : undefined;
    ctx.body = {
      holds: page.map(holdBody),
      next_cursor: last === undefined ? null : encodeCursor(last.position),
    };
  };
}
