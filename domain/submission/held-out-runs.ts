import type { ActivePolicy } from '../policy/policy.ts';
import type { HeldOutOutcome, HeldOutSide } from '../scoring/held-out.ts';
import type { SubmissionEvent } from './events.ts';
import type { LivingState, Run } from './state.ts';

/** The runs that measure an exported state, by what they ask about. */
const heldOutRuns: Readonly<Record<HeldOutSide, string>> = { val: 'heldOut', train: 'heldOutTrain' };

/** What a held-out run of that name asks about; null for a name that none has. */
export function heldOutSideOf(run: string): HeldOutSide | null {
  if (run === heldOutRuns.val) return 'val';
  return run === heldOutRuns.train ? 'train' : null;
}

/** Contestants of a held-out attempt, one after the other: trained, witness and twin, or trained alone (gpu-runner/PROTOCOL.md §9). */
export function contestantsOn(side: HeldOutSide): number {
  return side === 'val' ? 3 : 1;
}

/** Of both sides what nobody has asked for yet, where policy has them measured and the score run has left a state. */
export function heldOutRequests({ runs }: Pick<LivingState, 'runs'>, active: ActivePolicy): readonly SubmissionEvent[] {
  const { version: policyVersion, policy } = active;
  const hasState = runs.some((run) => run.purpose === 'score' && run.status === 'concluded' && run.state !== null);
  if (policy.heldOut.mode === 'off' || !hasState) return [];
  const why = { rule: 'everyScore', comparedScore: null, asOfPosition: null };
  return Object.values(heldOutRuns)
    .filter((run) => runs.every((asked) => asked.run !== run))
    .map((run) => ({ type: 'RunRequested', data: { run, purpose: 'heldOut', ...why, policyVersion } }));
}

/** What held-out runs have said so far. A side that failed by the contestant's fault outweighs whatever the other one says. */
export function heldOutOutcome({ runs }: Pick<LivingState, 'runs'>): HeldOutOutcome {
  const asked = runs.filter(({ purpose }) => purpose === 'heldOut');
  if (asked.length === 0) return { kind: 'off' };
  if (asked.some(hasFailed)) return { kind: 'failed' };
  const measured = asked.flatMap((run) => (run.status === 'heldOutConcluded' ? [run.heldOut] : []));
  const [val, train] = [measured.find(({ side }) => side === 'val'), measured.find(({ side }) => side === 'train')];
  return val === undefined || train === undefined ? { kind: 'unmeasured' } : { kind: 'measured', val, train };
}

function hasFailed(run: Run): boolean {
  return run.status === 'concludedWithout' && run.conclusion === 'failed';
}
