import type { Aggregate, Decision } from '../aggregate.ts';
import { refuse } from '../rejection.ts';
import type { SubmissionCommand } from './commands.ts';
import { decideConclusion } from './decide-conclusion.ts';
import { decideOriginal } from './decide-copy.ts';
import { decideGate } from './decide-gate.ts';
import { decideExpiry, decideHold, decideResolution } from './decide-hold.ts';
import { decideRecomputation } from './decide-recomputation.ts';
import { decideAttemptStart, decideCancellation, decideOutcome, decideRunRequest } from './decide-run.ts';
import type { SubmissionEvent } from './events.ts';
import { evolve } from './evolve.ts';
import { initialState, type LivingState, type SubmissionState } from './state.ts';

/** What a command comes to in a state. Exhaustive; what is already so yields no events. */
export function decide(state: SubmissionState, command: SubmissionCommand): Decision<SubmissionEvent> {
  if (command.kind === 'ReceiveSubmission') {
    return state.phase === 'absent' ? [{ type: 'SubmissionReceived', data: command.received }] : [];
  }
  if (state.phase === 'absent') return refuse('unknownSubmission', 'There is no such submission.');
  switch (command.kind) {
    case 'RecordGate':
      return decideGate(state, command);
    case 'RequestRun':
      return decideRunRequest(state, command);
    case 'StartAttempt':
      return decideAttemptStart(state, command);
    case 'RecordOutcome':
      return decideOutcome(state, command);
    case 'CancelAttempt':
      return decideCancellation(state, command);
    case 'Conclude':
      return decideConclusion(state, command);
    case 'Hold':
      return decideHold(state, command);
    case 'RecordOriginal':
      return decideOriginal(state, command);
    case 'ResolveHold':
      return decideResolution(state, command);
    case 'ExpireHold':
      return decideExpiry(state, command);
    case 'Withdraw':
      return decideWithdrawal(state, command.hotkey);
    case 'VoidScore':
      return decideVoiding(state, command.operator, command.reason);
    case 'RecomputeScore':
      return decideRecomputation(state, command);
  }
}

function decideWithdrawal(state: LivingState, hotkey: string): Decision<SubmissionEvent> {
  if (state.identity.hotkey !== hotkey) return refuse('notOwner', 'Only the hotkey that submitted it may withdraw it.');
  if (state.phase === 'rejected' && state.reason === 'withdrawn') return [];
  if (state.phase !== 'gate' && state.phase !== 'queued') {
    return refuse('tooLate', 'Only a pending submission can be withdrawn.');
  }
  return [
    { type: 'SubmissionWithdrawn', data: { hotkey } },
    { type: 'SubmissionRejected', data: { reason: 'withdrawn', gate: null, message: 'Withdrawn by its owner.' } },
  ];
}

function decideVoiding(state: LivingState, operator: string, reason: string): Decision<SubmissionEvent> {
  if (state.phase !== 'completed') return refuse('notDue', 'Only a completed submission has a score to void.');
  return state.voided ? [] : [{ type: 'ScoreVoided', data: { operator, reason } }];
}

export const submissionAggregate: Aggregate<SubmissionState, SubmissionCommand, SubmissionEvent> = {
  name: 'submission',
  initialState,
  evolve,
  decide,
};
