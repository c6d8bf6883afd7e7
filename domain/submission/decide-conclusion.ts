import type { Decision } from '../aggregate.ts';
import type { ActivePolicy } from '../policy/policy.ts';
import { isRejection, type Rejection, refuse } from '../rejection.ts';
import { computeScore } from '../scoring/score.ts';
import type { Score, SubmissionEvent } from './events.ts';
import { scoredRun } from './runs.ts';
import type { LivingState } from './state.ts';

/** Score, attribution and publication are one transaction: a terminal state never stands without its result. */
export function decideConclusion(state: LivingState, policy: ActivePolicy): Decision<SubmissionEvent> {
  if (state.phase === 'completed' || state.phase === 'failed' || state.phase === 'rejected') return [];
  if (state.phase !== 'scoring')
    return refuse('notDue', `There is nothing to score: the submission is ${state.phase}.`);
  const scored = completeScore(state, policy);
  if (isRejection(scored)) return scored;
  if (scored.kind === 'unscorable') {
    const { run, attempt, message } = scored;
    return [{ type: 'SubmissionFailed', data: { reason: 'unscorable', run, attempt, where: null, message } }];
  }
  const { run, score, deviceClass } = scored;
  return [
    { type: 'ScoreComputed', data: { run, score, policyVersion: policy.version } },
    {
      type: 'AttributionDecided',
      data: { decision: 'none', reason: 'attribution is not part of this policy', policyVersion: policy.version },
    },
    { type: 'SubmissionCompleted', data: { finalScore: score.finalScore, deviceClass } },
  ];
}

type CompleteScore =
  | { readonly kind: 'scored'; readonly run: string; readonly score: Score; readonly deviceClass: 'cpu' | 'gpu' }
  | { readonly kind: 'unscorable'; readonly run: string; readonly attempt: number; readonly message: string }
  | Rejection;

/** The score of the concluded score run under a policy. */
export function completeScore(state: LivingState, { policy }: ActivePolicy): CompleteScore {
  const run = scoredRun(state);
  if (run === undefined) return refuse('notDue', 'No score run has been measured.');
  const scored = computeScore(run.measurement, policy.scoring);
  if (scored.kind === 'unscorable') {
    return { kind: 'unscorable', run: run.run, attempt: run.lastAttempt, message: scored.message };
  }
  return { kind: 'scored', run: run.run, score: scored.score, deviceClass: run.deviceClass };
}
