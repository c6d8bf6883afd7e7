import type { Middleware } from 'koa';
import { epochAt } from '../../domain/policy/epoch.ts';
import type { ActivePolicy } from '../../domain/policy/policy.ts';

/** `GET /v1/epochs/current` */
export function getCurrentEpoch(deps: {
  readonly policy: () => Promise<ActivePolicy>;
  readonly now: () => Date;
}): Middleware {
  return async (ctx) => {
    const { policy } = await deps.policy();
    ctx.body = { epoch_id: epochAt(deps.now(), policy), epoch_seconds: policy.epochSeconds };
  };
}
