import type { Middleware } from 'koa';
import { z } from 'zod';
import { epochAt } from '../../domain/policy/epoch.ts';
import type { ActivePolicy } from '../../domain/policy/policy.ts';
import type { EpochQueries, EpochView } from '../../projections/epochs.ts';
import { decodeCursor, encodeCursor } from '../cursor.ts';
import { cursorParameter, parseQuery } from '../query.ts';

const pageSize = 50;
const querySchema = z.object({ cursor: cursorParameter });
const placeSchema = z.int().nonnegative();

/**
 * `GET /v1/epochs`: epochs with submissions, and the current one, newest first. The body is a bare list, so the next page
 * is named by a `Link` header (RFC 8288).
 */
export function getEpochs(deps: {
  readonly epochs: EpochQueries;
  readonly policy: () => Promise<ActivePolicy>;
  readonly now: () => Date;
}): Middleware {
  return async (ctx) => {
    const { policy } = await deps.policy();
    const before = decodeCursor(parseQuery(ctx, querySchema).cursor, placeSchema);
    const current = epochAt(deps.now(), policy);
    const stored = deps.epochs.newest(before, pageSize + 1);
    const isMissing = before === null && !stored.some(({ epoch }) => epoch === current);
    const known = isMissing
      ? [{ epoch: current, epochSeconds: policy.epochSeconds, submissions: 0 }, ...stored]
      : stored;
    const page = known.toSorted((left, right) => right.epoch - left.epoch).slice(0, pageSize);
    const last = known.length > page.length ? page.at(-1) : undefined;
    if (last !== undefined) ctx.set('Link', `<${ctx.path}?cursor=${encodeCursor(last.epoch)}>; rel="next"`);
    ctx.body = page.map((epoch) => toBody(epoch, current, policy.epochSeconds));
  };
}

/** An epoch whose policy isn't known is shown with the length of today. */
function toBody({ epoch, epochSeconds, submissions }: EpochView, current: number, secondsToday: number) {
  const seconds = epochSeconds ?? secondsToday;
  return {
    id: epoch,
    starts_at: new Date(epoch * seconds * 1_000).toISOString(),
    ends_at: new Date((epoch + 1) * seconds * 1_000).toISOString(),
    status: epoch < current ? 'ended' : 'open',
    submissions,
  };
}
