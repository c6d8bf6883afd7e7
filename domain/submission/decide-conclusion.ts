import type { Decision } from '../aggregate.ts';
import { rerunRule } from '../integrity/rerun-rule.ts';
import type { ActivePolicy } from '../policy/policy.ts';
import { isRejection, type Rejection, refuse } from '../rejection.ts';
import { computeScore, type Measured } from '../scoring/score.ts';
import type { SubmissionCommand } from './commands.ts';
import { concernOf, integrityHold } from './decide-integrity.ts';
import type { Score, SubmissionEvent } from './events.ts';
import { heldOutOutcome, heldOutRequests } from './held-out-runs.ts';
import { confirmationOf, type RunIn, scoredRun } from './runs.ts';
import type { LivingState } from './state.ts';

type Conclude = Extract<SubmissionCommand, { kind: 'Conclude' }>;

/** The run that repeats the score run. */
export const rerunName = 'rerun';

/**
 * Score, attribution and publication are one transaction: a terminal state never stands without its result. What speaks against the claims
 * comes first, then the held-out measure, without which there is no penalty, then the rerun that policy may want before anybody is told.
 */
export function decideConclusion(state: LivingState, command: Conclude): Decision<SubmissionEvent> {
  const { policy, now } = command;
  if (state.phase === 'completed' || state.phase === 'failed' || state.phase === 'rejected') return [];
  if (state.phase !== 'scoring')
    return refuse('notDue', `There is nothing to score: the submission is ${state.phase}.`);
  const concern = concernOf(state, policy);
  if (concern !== null) return integrityHold(state, concern, policy, now);
  const scored = completeScore(state, policy);
  if (isRejection(scored)) return scored;
  if (scored.kind === 'unscorable') {
    const { run, attempt, message } = scored;
    return [{ type: 'SubmissionFailed', data: { reason: 'unscorable', run, attempt, where: null, message } }];
  }
  const heldOut = heldOutRequests(state, policy);
  if (heldOut.length > 0) return heldOut;
  const rerun = rerunRequest(state, command);
  return policy.policy.integrity.reruns.beforePublication && rerun.length > 0
    ? rerun
    : [...publication(scored, policy), ...rerun];
}

function publication(
  { run, score, deviceClass }: Extract<CompleteScore, { kind: 'scored' }>,
  { version }: ActivePolicy,
): readonly SubmissionEvent[] {
  return [
    { type: 'ScoreComputed', data: { run, score, policyVersion: version } },
    {
      type: 'AttributionDecided',
      data: { decision: 'none', reason: 'attribution is not part of this policy', policyVersion: version },
    },
    { type: 'SubmissionCompleted', data: { finalScore: score.finalScore, deviceClass } },
  ];
}

/** The rerun that policy wants, if it wants one and none was asked for yet. A released hold is done with: its blind value counts. */
function rerunRequest(state: LivingState, { policy, standings, lot }: Conclude): readonly SubmissionEvent[] {
  const run = scoredRun(state);
  if (state.publishBlind || run === undefined || run.examination === null) return [];
  if (state.runs.some(({ run: name, purpose }) => purpose === 'rerun' || name === rerunName)) return [];
  const { measurement } = run;
  const asConfirmed = {
    measurement,
    confirmation: 'confirmed',
    ...evidenceOf([run]),
    heldOut: heldOutOutcome(state),
  } as const;
  const confirmed = computeScore(asConfirmed, policy.policy.scoring);
  if (confirmed.kind === 'unscorable') return [];
  const wanted = rerunRule(policy.policy.integrity.reruns, confirmed.score, standings, lot);
  if (wanted === null) return [];
  const why = { ...wanted, asOfPosition: standings.asOfPosition, policyVersion: policy.version };
  return [{ type: 'RunRequested', data: { run: rerunName, purpose: 'rerun', ...why } }];
}

type CompleteScore =
  | { readonly kind: 'scored'; readonly run: string; readonly score: Score; readonly deviceClass: 'cpu' | 'gpu' }
  | { readonly kind: 'unscorable'; readonly run: string; readonly attempt: number; readonly message: string };

/** The score of the concluded score run under a policy, and under what reruns have said of it. */
export function completeScore(state: LivingState, policy: ActivePolicy): CompleteScore | Rejection {
  const run = scoredRun(state);
  if (run === undefined) return refuse('notDue', 'No score run has been measured.');
  const { confirmation, by } = confirmationOf(state);
  const rerun = by?.status === 'concluded' ? [by] : [];
  const isConfirmed = confirmation === 'confirmed' && !state.publishBlind;
  const scored = computeScore(
    {
      measurement: run.measurement,
      // A released hold publishes the blind value, whatever came before or after it.
      confirmation: confirmation === 'confirmed' && !isConfirmed ? 'unconfirmed' : confirmation,
      ...evidenceOf([run, ...rerun]),
      heldOut: heldOutOutcome(state),
      ...(isConfirmed ? { undetectedBpb: rerun[0]?.examination?.undetectedBpb ?? null } : {}),
    },
    policy.policy.scoring,
  );
  if (scored.kind === 'unscorable') {
    return { kind: 'unscorable', run: run.run, attempt: run.lastAttempt, message: scored.message };
  }
  return { kind: 'scored', run: run.run, score: scored.score, deviceClass: run.deviceClass };
}

/** The first of some runs whose cuts were enough for a verdict: a rerun has more of them than its run. */
function evidenceOf(runs: readonly RunIn<'concluded'>[]): Pick<Measured, 'blind' | 'undetectedBpb'> {
  const found = runs.find(({ examination }) => (examination?.blind ?? null) !== null)?.examination;
  return { blind: found?.blind ?? null, undetectedBpb: found?.undetectedBpb ?? null };
}
