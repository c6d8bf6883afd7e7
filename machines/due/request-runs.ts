import type { Policies } from '../../domain/policy/policy-aggregate.ts';
import { findRun } from '../../domain/submission/runs.ts';
import { type Performer, type SubmissionHandler, send } from './performer.ts';

/** The run that every submission needs. */
export const scoreRun = 'score';

/** Asks for the runs that policy wants and that aren't asked for yet. */
export function runsPerformer(deps: {
  readonly submissions: SubmissionHandler;
  readonly policies: Policies;
  readonly clock: () => Date;
}): Performer {
  const { submissions, policies, clock } = deps;
  return async (due) => {
    if (due.state.phase !== 'queued' || findRun(due.state.runs, scoreRun) !== undefined) return;
    const { version } = await policies.active();
    await send(
      submissions,
      due,
      {
        kind: 'RequestRun',
        run: scoreRun,
        purpose: 'score',
        rule: 'everySubmission',
        comparedScore: null,
        asOfPosition: null,
        policyVersion: version,
      },
      clock(),
    );
  };
}
