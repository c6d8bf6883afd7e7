import type { Policies } from '../../domain/policy/policy-aggregate.ts';
import { type Performer, type SubmissionHandler, send } from './performer.ts';

/** Fires the deadline of a hold that nobody decided. */
export function expiryPerformer(deps: {
  readonly submissions: SubmissionHandler;
  readonly policies: Policies;
  readonly clock: () => Date;
}): Performer {
  const { submissions, policies, clock } = deps;
  return async (due) => {
    const now = clock();
    if (due.state.phase !== 'held' || due.state.hold.expiresAt > now.toISOString()) return;
    const { holdId } = due.state.hold;
    const policy = await policies.active();
    await send(submissions, due, { kind: 'ExpireHold', holdId, policy, now: now.toISOString() }, now);
  };
}
