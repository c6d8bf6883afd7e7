import type { Context, Middleware } from 'koa';
import { epochAt, scoringDeviceClass } from '../../domain/policy/epoch.ts';
import type { ActivePolicy } from '../../domain/policy/policy.ts';
import type { ScoreQueries } from '../../projections/scores.ts';
import { problem } from '../problem.ts';

const slugHeaders = ['X-Platform-Challenge-Slug', 'X-Base-Challenge-Slug'];

/** `GET /internal/v1/get_weights`: what each hotkey would be paid. Computed and shown; nothing is ever written on a chain. */
export function getWeights(deps: {
  readonly slug: string;
  readonly scores: Pick<ScoreQueries, 'weights'>;
  readonly policy: () => Promise<ActivePolicy>;
  readonly now: () => Date;
}): Middleware {
  return async (ctx) => {
    checkSlug(ctx, deps.slug);
    const { policy, version } = await deps.policy();
    const now = deps.now();
    const epoch = epochAt(now, policy);
    const { weights, asOfPosition } = deps.scores.weights({ deviceClass: scoringDeviceClass(policy), epoch });
    ctx.body = {
      challenge_slug: deps.slug,
      epoch,
      weights,
      metadata: {
        computed_at: now.toISOString(),
        as_of_position: asOfPosition,
        rule: policy.weights.rule,
        device_class: scoringDeviceClass(policy),
        policy_version: version,
      },
    };
  };
}

function checkSlug(ctx: Context, slug: string): void {
  const given = slugHeaders.map((header) => ctx.get(header)).filter((value) => value !== '');
  if (given.length === 0) throw problem('wrongSlug', `Say which challenge is meant: ${slugHeaders[0]}: ${slug}.`);
  if (given.some((value) => value !== slug)) throw problem('wrongSlug', `This is the challenge ${slug}.`);
}
