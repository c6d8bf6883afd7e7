import type { Middleware } from 'koa';
import { z } from 'zod';
import { epochAt, scoringDeviceClass } from '../../domain/policy/epoch.ts';
import type { ActivePolicy } from '../../domain/policy/policy.ts';
import type { BoardEntry, ScoreQueries } from '../../projections/scores.ts';
import { certaintyBody } from '../certainty-body.ts';
import { decodeCursor, encodeCursor } from '../cursor.ts';
import { cursorParameter, integerParameter, parseQuery } from '../query.ts';

const pageSize = 50;

const querySchema = z.object({
  epoch_id: integerParameter.optional(),
  scope: z.enum(['epoch', 'all']).default('epoch'),
  device_class: z.enum(['cpu', 'gpu']).optional(),
  cursor: cursorParameter,
});

const placeSchema = z.strictObject({ score: z.number(), receivedAt: z.string(), submissionId: z.string() });

/** `GET /v1/leaderboard`: best per hotkey of an epoch (default: the current one), or of all with `scope=all`. */
export function getLeaderboard(deps: {
  readonly scores: Pick<ScoreQueries, 'leaderboard'>;
  readonly policy: () => Promise<ActivePolicy>;
  readonly now: () => Date;
}): Middleware {
  return async (ctx) => {
    const { policy } = await deps.policy();
    const query = parseQuery(ctx, querySchema);
    const epoch = query.scope === 'all' ? null : (query.epoch_id ?? epochAt(deps.now(), policy));
    const deviceClass = query.device_class ?? scoringDeviceClass(policy);
    const after = decodeCursor(query.cursor, placeSchema);
    const { entries, asOfPosition } = deps.scores.leaderboard({ deviceClass, epoch }, after, pageSize + 1);
    const page = entries.slice(0, pageSize);
    const last = entries.length > pageSize ? page.at(-1) : undefined;
    ctx.body = {
      epoch_id: epoch,
      scope: query.scope,
      device_class: deviceClass,
      entries: page.map(toBody),
      as_of_position: asOfPosition,
      next_cursor: last === undefined ? null : encodeCursor(placeOf(last)),
    };
  };
}

function placeOf({ score, receivedAt, submissionId }: BoardEntry): z.infer<typeof placeSchema> {
  return { score, receivedAt, submissionId };
}

function toBody(entry: BoardEntry) {
  return {
    rank: entry.rank,
    hotkey: entry.hotkey,
    score: entry.score,
    submission_id: entry.submissionId,
    epoch_id: entry.epoch,
    ...certaintyBody(entry),
    charged_bpb: entry.chargedBpb,
    received_at: entry.receivedAt,
    policy_version: entry.policyVersion,
  };
}
