import type { Policies } from '../../domain/policy/policy-aggregate.ts';
import { activeRuns, findRun, type RunIn } from '../../domain/submission/runs.ts';
import { type Due, type Performer, type SubmissionHandler, send } from './performer.ts';

/** The run that every submission needs. */
export const scoreRun = 'score';

type Needs = { readonly submissions: SubmissionHandler; readonly policies: Policies; readonly clock: () => Date };

/** Asks for the runs that policy wants and that aren't asked for yet, and ends attempts that nobody reported on in time. */
export function runsPerformer(needs: Needs): Performer {
  return async (due) => {
    if (due.state.phase === 'queued' && findRun(due.state.runs, scoreRun) === undefined) await requestScore(needs, due);
    const now = needs.clock().toISOString();
    const overdue = activeRuns(due.state.runs).find((run) => run.deadlineAt <= now);
    if (overdue !== undefined) await abortOverdue(needs, due, overdue);
  };
}

async function requestScore({ submissions, policies, clock }: Needs, due: Due): Promise<void> {
  const { version } = await policies.active();
  const request = { run: scoreRun, purpose: 'score', rule: 'everySubmission' } as const;
  const compared = { comparedScore: null, asOfPosition: null };
  await send(submissions, due, { kind: 'RequestRun', ...request, ...compared, policyVersion: version }, clock());
}

/** The attempt's own deadline, whatever became of its lease: an executor that died, or a start that came too late for it. */
async function abortOverdue({ submissions, policies, clock }: Needs, due: Due, run: RunIn<'attempting'>) {
  if (run.lastToken === null) return;
  const policy = await policies.ofVersion(run.policyVersion);
  const now = clock();
  const message = `The executor didn't report by ${run.deadlineAt}.`;
  const outcome = {
    kind: 'infrastructureFault',
    reason: 'leaseExpired',
    message,
    log: null,
    commitments: null,
  } as const;
  const attempt = { run: run.run, attempt: run.lastAttempt, fencingToken: run.lastToken };
  await send(submissions, due, { kind: 'RecordOutcome', ...attempt, outcome, policy, now: now.toISOString() }, now);
}
