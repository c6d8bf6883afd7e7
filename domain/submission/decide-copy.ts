import type { Decision } from '../aggregate.ts';
import { deriveId } from '../ids.ts';
import { refuse } from '../rejection.ts';
import { cancelAttempts } from './cancel-attempts.ts';
import type { SubmissionCommand } from './commands.ts';
import type { SubmissionEvent } from './events.ts';
import { evolve, isParkable } from './evolve.ts';
import { activeRuns } from './runs.ts';
import type { LivingState, SubmissionState } from './state.ts';

/** What is known of already yields nothing: a decision about an original stands. */
export function decideOriginal(
  state: LivingState,
  { original, exact, similarity, holdSeconds, now }: Extract<SubmissionCommand, { kind: 'RecordOriginal' }>,
): Decision<SubmissionEvent> {
  if (state.originals.some(({ submissionId }) => submissionId === original)) return [];
  if (state.phase === 'rejecting' || state.phase === 'rejected' || state.phase === 'failed') {
    return refuse('alreadyEnded', `The submission is ${state.phase}.`);
  }
  if (state.phase === 'completing') return refuse('notDue', 'The submission is being completed.');
  const found: SubmissionEvent = { type: 'OriginalFound', data: { original, exact, similarity, holdSeconds } };
  return [found, ...heldAsCopy(evolve(state, found), now)];
}

/**
 * Parks a copy for the first original that nobody has decided about; nothing where there is none, or another hold is in force: its end comes here
 * again. A hold that expired unanswered comes again under an id of its own.
 */
export function heldAsCopy(state: SubmissionState, now: string): readonly SubmissionEvent[] {
  if (state.phase === 'absent' || !isParkable(state)) return [];
  const original = state.originals.find(({ isDecided }) => !isDecided);
  if (original === undefined) return [];
  const { submissionId: copyOf, reason, holdSeconds } = original;
  // What is published is held by an audit alone.
  const source = state.phase === 'completed' ? 'audit' : 'duplicate';
  const holdId = deriveId('copyHold', copyOf, state.identity.submissionId, state.expiredHolds);
  const expiresAt = new Date(new Date(now).getTime() + holdSeconds * 1_000).toISOString();
  return [
    ...cancelAttempts(activeRuns(state.runs), source, reason),
    { type: 'SubmissionHeld', data: { holdId, source, reason, operator: null, expiresAt, copyOf } },
  ];
}
