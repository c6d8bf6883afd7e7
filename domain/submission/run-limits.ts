import { limitsOf } from '../integrity/rerun-plan.ts';
import type { Policy } from '../policy/policy.ts';
import { heldOutEffort } from './held-out-effort.ts';
import { contestantsOn, heldOutSideOf } from './held-out-runs.ts';
import { repeatedBy, scoredRun } from './runs.ts';
import type { LivingState, Run } from './state.ts';

/** What bounds each contestant of a run: policy's limits; with a time of its own for a rerun, and for a held-out run, by what the run took. */
export function runLimits(
  state: Pick<LivingState, 'runs'>,
  run: Pick<Run, 'purpose'>,
  policy: Pick<Policy, 'integrity' | 'limits' | 'heldOut'>,
): Policy['limits'] {
  if (run.purpose !== 'heldOut') return limitsOf(repeatedBy(state, run), policy);
  const { limits, heldOut } = policy;
  const scored = scoredRun(state);
  const { budgetSeconds } = scored === undefined ? heldOut : heldOutEffort(scored, policy);
  return { ...limits, budgetSeconds, timeoutSeconds: limits.timeoutSeconds - limits.budgetSeconds + budgetSeconds };
}

/** Seconds that an attempt's contestants may take, one after the other. */
export function attemptSeconds({ run }: Pick<Run, 'run'>, { timeoutSeconds }: Policy['limits']): number {
  const side = heldOutSideOf(run);
  return timeoutSeconds * (side === null ? 1 : contestantsOn(side));
}
