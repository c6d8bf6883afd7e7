import type { Policies } from '../../domain/policy/policy-aggregate.ts';
import { scoredRun } from '../../domain/submission/runs.ts';
import { type Performer, type SubmissionHandler, send } from './performer.ts';

/** Scores a submission whose runs are all concluded, under the policy that its score run was asked for by. */
export function conclusionPerformer(deps: {
  readonly submissions: SubmissionHandler;
  readonly policies: Policies;
  readonly clock: () => Date;
}): Performer {
  const { submissions, policies, clock } = deps;
  return async (due) => {
    const run = scoredRun(due.state);
    if (due.state.phase !== 'scoring' || run === undefined) return;
    const policy = await policies.ofVersion(run.policyVersion);
    await send(submissions, due, { kind: 'Conclude', policy }, clock());
  };
}
