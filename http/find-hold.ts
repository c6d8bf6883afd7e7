import type { RouterContext } from '@koa/router';
import { z } from 'zod';
import type { HoldQueries, HoldView } from '../projections/holds.ts';
import { problem } from './problem.ts';

export type FindHoldDependencies = {
  readonly holds: Pick<HoldQueries, 'byId'>;
  /** Resolves once the read models have seen what the log holds now, or after a bounded time. */
  readonly caughtUp: () => Promise<unknown>;
};

const idSchema = z.uuid();

/**
 * The hold that the path's `:id` names. One that the read model doesn't know may have been placed a moment ago: it waits for
 * the projector, once and bounded, before it answers 404.
 */
export async function findHold(deps: FindHoldDependencies, ctx: Pick<RouterContext, 'params'>): Promise<HoldView> {
  const id = idSchema.safeParse(ctx.params.id);
  if (!id.success) throw unknownHold();
  const find = () => deps.holds.byId(id.data.toLowerCase());
  const hold = find() ?? (await deps.caughtUp().then(find));
  if (hold === null) throw unknownHold();
  return hold;
}

function unknownHold() {
  return problem('notFound', 'There is no such hold.');
}
