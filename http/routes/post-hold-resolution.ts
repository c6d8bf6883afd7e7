import type { RouterMiddleware } from '@koa/router';
import { z } from 'zod';
import type { CommandHandler } from '../../domain/handle-command.ts';
import { isRejection } from '../../domain/rejection.ts';
import type { SubmissionCommand } from '../../domain/submission/commands.ts';
import { type SubmissionEvent, submissionStream } from '../../domain/submission/events.ts';
import { publicStatus, type SubmissionState } from '../../domain/submission/state.ts';
import type { HoldView } from '../../projections/holds.ts';
import { type FindHoldDependencies, findHold } from '../find-hold.ts';
import { rejectionProblem } from '../problem.ts';
import { decisionSchema, readDecision } from '../read-decision.ts';

const bodySchema = decisionSchema.extend({ resolution: z.enum(['release', 'reject']) });

export type ResolveHoldDependencies = FindHoldDependencies & {
  readonly commands: Pick<CommandHandler<SubmissionState, SubmissionCommand, SubmissionEvent>, 'handle'>;
  readonly now: () => Date;
  /** A new id for each command: two operators who decide at once must conflict, not pass for one. */
  readonly newId: () => string;
};

/**
 * `POST /internal/v1/holds/{id}/resolve` with `resolution` (`release` or `reject`), `operator` and `reason`. A release resumes where the
 * hold says, a rejection is terminal. A hold that was decided or has expired is 409, and the answer says by whom and when.
 */
export function postHoldResolution(deps: ResolveHoldDependencies): RouterMiddleware {
  return async (ctx) => {
    const decision = await readDecision(ctx, bodySchema);
    const hold = await findHold(deps, ctx);
    const now = deps.now().toISOString();
    const handled = await deps.commands.handle(
      submissionStream(hold.submissionId),
      { kind: 'ResolveHold', holdId: hold.id, ...decision, now },
      { causeId: deps.newId(), correlationId: hold.submissionId, at: now },
    );
    if (isRejection(handled)) {
      if (handled.reason !== 'wrongHold') throw rejectionProblem(handled);
      await deps.caughtUp();
      throw rejectionProblem({ ...handled, detail: endedDetail(deps.holds.byId(hold.id) ?? hold) });
    }
    if (handled.state.phase === 'absent') throw new Error(`hold ${hold.id} was resolved, and there is no submission`);
    ctx.body = {
      id: hold.id,
      submission_id: hold.submissionId,
      ...decision,
      status: publicStatus(handled.state),
      position: handled.position,
    };
  };
}

function endedDetail({ state, operator, endedAt, decisionReason }: HoldView): string {
  switch (state) {
    case 'open':
      return 'The submission is no longer held by this hold.';
    case 'expired':
      return `Nobody decided the hold in time: it expired at ${endedAt}.`;
    case 'released':
    case 'rejected':
      return `The hold was ${state} by ${operator} at ${endedAt}: ${decisionReason}`;
  }
}
