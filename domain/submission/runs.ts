import type { RerunVerdict } from '../integrity/rerun.ts';
import type { RepeatedRun } from '../integrity/rerun-plan.ts';
import type { Confirmation, RunPurpose, SubmissionEvent, SubmissionEventData } from './events.ts';
import { heldOutSideOf } from './held-out-runs.ts';
import type { LivingState, Run, SubmissionState } from './state.ts';

type RunEvent = Extract<
  SubmissionEvent,
  {
    type:
      | 'RunRequested'
      | 'AttemptStarted'
      | 'AttemptCompleted'
      | 'HeldOutMeasured'
      | 'AttemptFailed'
      | 'AttemptAborted'
      | 'AttemptCancelled'
      | 'RunConcluded';
  }
>;

/** Folds an event of one run into the list of all runs. An event about a run that isn't there changes nothing. */
export function evolveRuns(runs: readonly Run[], event: RunEvent): readonly Run[] {
  if (event.type === 'RunRequested') {
    const { run, purpose, policyVersion } = event.data;
    const untried = { lastAttempt: 0, lastToken: null, aborted: 0, abortedOn: null };
    return [...runs, { run, purpose, policyVersion, ...untried, status: 'waiting' }];
  }
  return runs.map((run) => (run.run === event.data.run ? evolveRun(run, event) : run));
}

function evolveRun(run: Run, event: Exclude<RunEvent, { type: 'RunRequested' }>): Run {
  const { purpose, policyVersion, lastAttempt, lastToken, aborted, abortedOn } = run;
  const kept = { run: run.run, purpose, policyVersion, lastAttempt, lastToken, aborted, abortedOn };
  switch (event.type) {
    case 'AttemptStarted': {
      const { attempt, fencingToken, slot, deviceClass, deadlineAt } = event.data;
      return {
        ...kept,
        lastAttempt: attempt,
        lastToken: fencingToken,
        status: 'attempting',
        slot,
        deviceClass,
        deadlineAt,
      };
    }
    case 'AttemptCompleted': {
      if (run.status !== 'attempting') return run;
      const { deviceClass } = run;
      const { measurement, record, cuts, manifest, state, examination, earlierAttempts, platform } = event.data;
      const result = { measurement, record, cuts, manifest, state, examination, earlierAttempts, platform };
      return { ...kept, status: 'measured', deviceClass, ...result };
    }
    case 'HeldOutMeasured':
      return { ...kept, status: 'heldOutMeasured', heldOut: event.data.measurement };
    case 'AttemptFailed':
      return { ...kept, status: 'failed', verdict: event.data.verdict };
    case 'AttemptAborted': {
      const slot = run.status === 'attempting' ? run.slot : abortedOn;
      const before = !event.data.countsAgainstRun && slot === abortedOn ? 0 : aborted;
      return { ...kept, aborted: before + (event.data.countsAgainstRun ? 1 : 0), abortedOn: slot, status: 'waiting' };
    }
    case 'AttemptCancelled':
      return { ...kept, status: 'waiting' };
    case 'RunConcluded':
      return conclude(run, kept, event.data);
  }
}

function conclude(
  run: Run,
  kept: Pick<Run, 'run' | 'purpose' | 'policyVersion' | 'lastAttempt' | 'lastToken' | 'aborted' | 'abortedOn'>,
  { conclusion, verdict: rerunVerdict }: SubmissionEventData<'RunConcluded'>,
): Run {
  if (conclusion !== 'measured') return { ...kept, status: 'concludedWithout', conclusion, rerunVerdict };
  if (run.status === 'heldOutMeasured') return { ...run, status: 'heldOutConcluded' };
  return run.status === 'measured' ? { ...run, status: 'concluded', rerunVerdict } : run;
}

export function findRun(runs: readonly Run[], name: string): Run | undefined {
  return runs.find((run) => run.run === name);
}

export function isConcluded(run: Run): boolean {
  return run.status === 'concluded' || run.status === 'heldOutConcluded' || run.status === 'concludedWithout';
}

export type RunIn<Status extends Run['status']> = Extract<Run, { status: Status }>;

/** The runs under way: policy may ask for several, and nothing bids them run one after another. */
export function activeRuns(runs: readonly Run[]): readonly RunIn<'attempting'>[] {
  return runs.filter((run): run is RunIn<'attempting'> => run.status === 'attempting');
}

/** Where a waiting run may be given an attempt; anywhere else its submission is parked or has ended. */
export function isOpenToAttempts(
  state: SubmissionState,
): state is Extract<LivingState, { phase: 'queued' | 'measuring' | 'completed' }> {
  return state.phase === 'queued' || state.phase === 'measuring' || state.phase === 'completed';
}

/** There is one score run, and it comes first: every other run stands beside it. A held-out run's name, which no other run has, says what it asks about. */
export function isRunWanted(
  runs: readonly Run[],
  asked: { readonly run: string; readonly purpose: RunPurpose },
): boolean {
  const isKnown = (asked.purpose === 'heldOut') === (heldOutSideOf(asked.run) !== null);
  return isKnown && runs.some((run) => run.purpose === 'score') === (asked.purpose !== 'score');
}

/** The concluded measurement that the score is made of. */
export function scoredRun({ runs }: Pick<LivingState, 'runs'>): RunIn<'concluded'> | undefined {
  return runs.find((run): run is RunIn<'concluded'> => run.purpose === 'score' && run.status === 'concluded');
}

/** What a rerun repeats; null for every other run. */
export function repeatedBy(state: Pick<LivingState, 'runs'>, { purpose }: Pick<Run, 'purpose'>): RepeatedRun | null {
  const scored = purpose === 'rerun' ? scoredRun(state) : undefined;
  return scored === undefined ? null : { measurement: scored.measurement, frames: scored.examination?.frames ?? 0 };
}

/**
 * What reruns have said of the score so far, the gravest first, and the one that said so. While none has, the run's own attempts may: one
 * that ended by our fault, and had answered otherwise.
 */
export function confirmationOf({ runs }: Pick<LivingState, 'runs'>): {
  readonly confirmation: Confirmation;
  readonly by: Run | null;
} {
  for (const verdict of ['contradicted', 'confirmed', 'nonReproducible'] as const) {
    const by = runs.find((run) => isConcluded(run) && rerunVerdictOf(run) === verdict);
    if (by !== undefined) return { confirmation: verdict, by };
  }
  const earlier = scoredRun({ runs })?.earlierAttempts ?? [];
  const hasAnsweredAlike = earlier.every(({ firstDifferingGroup }) => firstDifferingGroup === null);
  return { confirmation: hasAnsweredAlike ? 'unconfirmed' : 'nonReproducible', by: null };
}

function rerunVerdictOf(run: Run): RerunVerdict | null {
  return run.status === 'concluded' || run.status === 'concludedWithout' ? run.rerunVerdict : null;
}
