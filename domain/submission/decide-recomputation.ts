import type { Decision } from '../aggregate.ts';
import type { ActivePolicy } from '../policy/policy.ts';
import { isRejection, refuse } from '../rejection.ts';
import type { SubmissionCommand } from './commands.ts';
import { completeScore } from './decide-conclusion.ts';
import { type Score, type SubmissionEvent, scoreParts } from './events.ts';
import type { LivingState } from './state.ts';

export function decideRecomputation(
  state: LivingState,
  { reason, policy }: Extract<SubmissionCommand, { kind: 'RecomputeScore' }>,
): Decision<SubmissionEvent> {
  if (state.phase !== 'completed' || state.voided) return refuse('notDue', 'There is no valid score to recompute.');
  const scored = completeScore(state, policy);
  if (isRejection(scored)) return scored;
  if (scored.kind === 'unscorable') return refuse('notDue', scored.message);
  return recomputed(state, scored, reason, policy);
}

/** The correction of a published score; none where it stands as it is. */
export function recomputed(
  state: Extract<LivingState, { phase: 'completed' }>,
  { run, score }: { readonly run: string; readonly score: Score },
  reason: string,
  { version }: ActivePolicy,
): readonly SubmissionEvent[] {
  if (isSameScore(score, state.score)) return [];
  return [{ type: 'ScoreRecomputed', data: { run, score, reason, policyVersion: version } }];
}

/** Parts may differ where the final score doesn't: an anomaly's multiplier of 0 hides them. */
function isSameScore(left: Score, right: Score): boolean {
  return scoreParts.every((part) => left[part] === right[part]);
}
