import { type Performer, type SubmissionHandler, send } from './performer.ts';

/** Fires the deadline of a hold that nobody decided. */
export function expiryPerformer(deps: {
  readonly submissions: SubmissionHandler;
  readonly clock: () => Date;
}): Performer {
  const { submissions, clock } = deps;
  return async (due) => {
    const now = clock();
    if (due.state.phase !== 'held' || due.state.hold.expiresAt > now.toISOString()) return;
    const { holdId } = due.state.hold;
    await send(submissions, due, { kind: 'ExpireHold', holdId, now: now.toISOString() }, now);
  };
}
