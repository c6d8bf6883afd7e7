import type { Decision } from '../aggregate.ts';
import { refuse } from '../rejection.ts';
import { cancelAttempts } from './cancel-attempts.ts';
import type { SubmissionCommand } from './commands.ts';
import { heldAsCopy } from './decide-copy.ts';
import { concernOf, integrityHold } from './decide-integrity.ts';
import type { SubmissionEvent } from './events.ts';
import { evolve, isParkable } from './evolve.ts';
import { activeRuns } from './runs.ts';
import type { LivingState, SubmissionState } from './state.ts';

type Command<Kind extends SubmissionCommand['kind']> = Extract<SubmissionCommand, { kind: Kind }>;

/** Parks the submission. Running attempts are cancelled first, so that nothing runs while an operator thinks. */
export function decideHold(state: LivingState, command: Command<'Hold'>): Decision<SubmissionEvent> {
  if (state.phase === 'held') {
    return state.hold.holdId === command.holdId ? [] : refuse('wrongHold', `Hold ${state.hold.holdId} comes first.`);
  }
  if (!isParkable(state)) return refuse('alreadyEnded', `The submission is ${state.phase}.`);
  const { holdId, source, reason, operator, expiresAt } = command;
  if (state.phase === 'completed' && source !== 'audit' && source !== 'operator') {
    return refuse('notDue', 'A completed submission is held by an audit or an operator only.');
  }
  const held: SubmissionEvent = {
    type: 'SubmissionHeld',
    data: { holdId, source, reason, operator, expiresAt, copyOf: null },
  };
  return [...cancelAttempts(activeRuns(state.runs), operator ?? source, reason), held];
}

export function decideResolution(state: LivingState, command: Command<'ResolveHold'>): Decision<SubmissionEvent> {
  const refusal = otherHold(state, command.holdId);
  if (refusal !== null) return refusal;
  const { holdId, resolution, operator, reason, now } = command;
  const resolved: SubmissionEvent = { type: 'HoldResolved', data: { holdId, resolution, operator, reason } };
  if (resolution === 'reject') return [resolved, rejected('holdRejected', reason)];
  return [resolved, ...heldAsCopy(evolve(state, resolved), now)];
}

/** The first expiry goes back to where the hold came from, and a copy is held there anew; the second one rejects. */
export function decideExpiry(state: LivingState, command: Command<'ExpireHold'>): Decision<SubmissionEvent> {
  const refusal = otherHold(state, command.holdId);
  if (refusal !== null) return refusal;
  if (state.phase === 'held' && state.hold.expiresAt > command.now) {
    return refuse('notDue', `The hold runs until ${state.hold.expiresAt}.`);
  }
  const expired: SubmissionEvent = { type: 'HoldExpired', data: { holdId: command.holdId } };
  if (state.expiredHolds > 0) return [expired, rejected('holdExpired', 'Nobody decided the hold, twice.')];
  const again = evolve(state, expired);
  const concerned = heldAgain(again, command);
  return [expired, ...(concerned.length > 0 ? concerned : heldAsCopy(again, command.now))];
}

/** What speaks against a published score speaks on; before publication the next conclusion says it again. */
function heldAgain(state: SubmissionState, { policy, now }: Command<'ExpireHold'>): readonly SubmissionEvent[] {
  const concern = state.phase === 'completed' ? concernOf(state, policy) : null;
  return state.phase === 'absent' || concern === null ? [] : integrityHold(state, concern, policy, now);
}

/** Resolving twice is refused: the second operator must learn that the first one decided. */
function otherHold(state: LivingState, holdId: string) {
  if (state.phase !== 'held') return refuse('wrongHold', 'The submission is not held.');
  return state.hold.holdId === holdId
    ? null
    : refuse('wrongHold', `It is held by ${state.hold.holdId}, not ${holdId}.`);
}

function rejected(reason: 'holdRejected' | 'holdExpired', message: string): SubmissionEvent {
  return { type: 'SubmissionRejected', data: { reason, gate: null, message } };
}
