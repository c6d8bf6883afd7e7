import type { RunPurpose, SubmissionEvent } from './events.ts';
import type { LivingState, Run, SubmissionState } from './state.ts';

type RunEvent = Extract<
  SubmissionEvent,
  {
    type:
      | 'RunRequested'
      | 'AttemptStarted'
      | 'AttemptCompleted'
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
    return [...runs, { run, purpose, policyVersion, lastAttempt: 0, lastToken: null, aborted: 0, status: 'waiting' }];
  }
  return runs.map((run) => (run.run === event.data.run ? evolveRun(run, event) : run));
}

function evolveRun(run: Run, event: Exclude<RunEvent, { type: 'RunRequested' }>): Run {
  const { purpose, policyVersion, lastAttempt, lastToken, aborted } = run;
  const kept = { run: run.run, purpose, policyVersion, lastAttempt, lastToken, aborted };
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
      const { measurement, record } = event.data;
      return { ...kept, status: 'measured', deviceClass: run.deviceClass, measurement, record };
    }
    case 'AttemptFailed':
      return { ...kept, status: 'failed', verdict: event.data.verdict };
    case 'AttemptAborted':
      return { ...kept, aborted: aborted + 1, status: 'waiting' };
    case 'AttemptCancelled':
      return { ...kept, status: 'waiting' };
    case 'RunConcluded':
      return conclude(run, kept, event.data.conclusion);
  }
}

function conclude(
  run: Run,
  kept: Pick<Run, 'run' | 'purpose' | 'policyVersion' | 'lastAttempt' | 'lastToken' | 'aborted'>,
  conclusion: 'measured' | 'failed' | 'exhausted',
): Run {
  if (conclusion !== 'measured') return { ...kept, status: 'concludedWithout', conclusion };
  return run.status === 'measured' ? { ...run, status: 'concluded' } : run;
}

export function findRun(runs: readonly Run[], name: string): Run | undefined {
  return runs.find((run) => run.run === name);
}

export function isConcluded(run: Run): boolean {
  return run.status === 'concluded' || run.status === 'concludedWithout';
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

/** There is one score run, and it comes first: every other run stands beside it. */
export function isRunWanted(runs: readonly Run[], purpose: RunPurpose): boolean {
  return runs.some((run) => run.purpose === 'score') === (purpose !== 'score');
}

/** The concluded measurement that the score is made of. */
export function scoredRun(state: LivingState): RunIn<'concluded'> | undefined {
  return state.runs.find((run): run is RunIn<'concluded'> => run.purpose === 'score' && run.status === 'concluded');
}
