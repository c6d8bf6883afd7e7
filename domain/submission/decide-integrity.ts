import { deriveId } from '../ids.ts';
import type { Examination } from '../integrity/examination.ts';
import type { ActivePolicy } from '../policy/policy.ts';
import { cancelAttempts } from './cancel-attempts.ts';
import type { SubmissionEvent } from './events.ts';
import { activeRuns, confirmationOf, scoredRun } from './runs.ts';
import type { LivingState } from './state.ts';

/**
 * What speaks against the claims of a submission, as a sentence with its evidence; null where nothing does, or where an operator has
 * released it already, which publishes the blind value.
 */
export function concernOf(state: LivingState, { policy }: ActivePolicy): string | null {
  if (state.publishBlind) return null;
  const examination = scoredRun(state)?.examination ?? null;
  return (
    (examination === null ? null : objectionOf(examination, policy.integrity.standardErrors)) ?? contradictionOf(state)
  );
}

function objectionOf({ blind, signed }: Examination, standardErrors: number): string | null {
  if (blind !== null && blind.excessStandardErrors > standardErrors) {
    const { excessBpb, excessStandardErrors, bitsPerByte, standardErrorBpb } = blind;
    return `Blind mean: the model pays ${rounded(bitsPerByte)} ± ${rounded(standardErrorBpb)} bits a byte where it can't see what comes, ${rounded(excessBpb)} more than it claims (${rounded(excessStandardErrors)} standard errors).`;
  }
  if (signed !== null && signed.standardErrors > standardErrors) {
    const { meanMicroNats, standardErrorMicroNats } = signed;
    return `Signed differences: at its cuts the model pays ${rounded(meanMicroNats)} ± ${rounded(standardErrorMicroNats)} microNats a token more blind than it claims (${rounded(signed.standardErrors)} standard errors).`;
  }
  return null;
}

function contradictionOf(state: LivingState): string | null {
  const { confirmation, by } = confirmationOf(state);
  if (confirmation !== 'contradicted' || by === null) return null;
  if (by.status !== 'concluded' || by.examination === null) {
    return `Run ${by.run} contradicts the score run: it ended on the contestant's side.`;
  }
  const { exceedingCuts, cuts, largestMicroNats, signed, blind } = by.examination;
  const means = `its blind mean lies ${rounded(blind?.excessStandardErrors ?? 0)} standard errors above its claims, its signed differences ${rounded(signed?.standardErrors ?? 0)}`;
  return `Run ${by.run} contradicts the score run: ${exceedingCuts} of ${cuts} cuts exceed the bound of equality, by up to ${rounded(largestMicroNats)} microNats; ${means}.`;
}

function rounded(value: number): number {
  return Number(value.toPrecision(4));
}

/** Parks a submission for its claims. A hold that expired unanswered comes again under an id of its own. */
export function integrityHold(
  state: LivingState,
  reason: string,
  { policy }: ActivePolicy,
  now: string,
): readonly SubmissionEvent[] {
  const { submissionId } = state.identity;
  const holdId = deriveId('hold', submissionId, 'integrity', state.runs.length, state.expiredHolds);
  const expiresAt = new Date(new Date(now).getTime() + policy.holdSeconds * 1_000).toISOString();
  return [
    ...cancelAttempts(activeRuns(state.runs), 'prism', reason),
    { type: 'SubmissionHeld', data: { holdId, source: 'integrity', reason, operator: null, expiresAt, copyOf: null } },
  ];
}
