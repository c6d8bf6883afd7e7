import type { SubmissionEvent } from './events.ts';
import type { RunIn } from './runs.ts';

/** Ends attempts that nobody may wait for any longer: none may be running where a submission is parked or has ended. */
export function cancelAttempts(
  runs: readonly RunIn<'attempting'>[],
  operator: string,
  reason: string,
): readonly SubmissionEvent[] {
  return runs.flatMap(({ run, lastAttempt, lastToken }) =>
    lastToken === null
      ? []
      : [{ type: 'AttemptCancelled', data: { run, attempt: lastAttempt, fencingToken: lastToken, operator, reason } }],
  );
}
