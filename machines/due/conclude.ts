import type { Policies } from '../../domain/policy/policy-aggregate.ts';
import type { ReadStandings } from '../../domain/ports/standings.ts';
import { scoredRun } from '../../domain/submission/runs.ts';
import { type Performer, type SubmissionHandler, send } from './performer.ts';

/**
 * Concludes a submission whose runs are all concluded, under the policy that its score run was asked for by: it is scored, held, or
 * run once more.
 */
export function conclusionPerformer(deps: {
  readonly submissions: SubmissionHandler;
  readonly policies: Policies;
  readonly standings: ReadStandings;
  /** A submission's draw for the sample of reruns, in [0, 1): the same whenever it is asked, and not to be foreseen. */
  readonly lotOf: (submissionId: string) => number;
  readonly clock: () => Date;
}): Performer {
  const { submissions, policies, standings, lotOf, clock } = deps;
  return async (due) => {
    const run = scoredRun(due.state);
    if (due.state.phase !== 'scoring' || run === undefined) return;
    const { submissionId, hotkey, epoch } = due.state.identity;
    const now = clock();
    const command = {
      kind: 'Conclude',
      policy: await policies.ofVersion(run.policyVersion),
      standings: standings({ deviceClass: run.deviceClass, epoch, hotkey }),
      lot: lotOf(submissionId),
      now: now.toISOString(),
    } as const;
    await send(submissions, due, command, now);
  };
}
