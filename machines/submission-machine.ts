import { assign, setup } from 'xstate';
import { type GateName, gateNames, type SubmissionEvent } from '../domain/submission/events.ts';
import { evolve } from '../domain/submission/evolve.ts';
import { activeRuns, confirmationOf, findRun, isConcluded, isRunWanted } from '../domain/submission/runs.ts';
import { initialState, type Run, type SubmissionState } from '../domain/submission/state.ts';

/**
 * The law of a submission's life: which event may follow in which state, and what is due there.
 *
 * It is a description. It doesn't perform effects, hold timers, or keep anything: the history is folded by the plain
 * `evolve`, and this machine is asked about the next event alone (`permits`). `meta.due` names the work that a process
 * manager does in a state; what is due is read from the state reached, never from the transition taken.
 */

export type DueName = 'gate' | 'runs' | 'conclusion' | 'expiry';
type Context = { readonly submission: SubmissionState };
type ContextAndEvent = { readonly context: Context; readonly event: SubmissionEvent };

/** Names of the machine's states; a gate's state has the gate's name. */
export const machineStates = [
  'absent',
  ...gateNames,
  'queued',
  'measuring',
  'scoring',
  'attributing',
  'completing',
  'rejecting',
  'held',
  'completed',
  'failed',
  'rejected',
] as const;
export type MachineState = (typeof machineStates)[number];

/** The machine's name for a folded state. */
export function machineStateOf(state: SubmissionState): MachineState {
  return state.phase === 'gate' ? state.gate : state.phase;
}

function runOf({ context, event }: ContextAndEvent): Run | undefined {
  const { submission } = context;
  return submission.phase !== 'absent' && 'run' in event.data && typeof event.data.run === 'string'
    ? findRun(submission.runs, event.data.run)
    : undefined;
}

function isActiveAttempt({ context, event }: ContextAndEvent): boolean {
  const run = runOf({ context, event });
  return (
    run?.status === 'attempting' &&
    'attempt' in event.data &&
    'fencingToken' in event.data &&
    run.lastAttempt === event.data.attempt &&
    run.lastToken === event.data.fencingToken
  );
}

function hasActiveAttempt({ context }: { readonly context: Context }): boolean {
  return context.submission.phase !== 'absent' && activeRuns(context.submission.runs).length > 0;
}

function isNewRun({ context, event }: ContextAndEvent): boolean {
  const { submission } = context;
  return (
    submission.phase !== 'absent' &&
    event.type === 'RunRequested' &&
    findRun(submission.runs, event.data.run) === undefined &&
    isRunWanted(submission.runs, event.data)
  );
}

function isOfScoredRun({ context, event }: ContextAndEvent): boolean {
  const run = runOf({ context, event });
  return run?.purpose === 'score' && run.status === 'concluded';
}

/** A published score is parked for integrity only on the word of a rerun. */
function isContradicted({ context: { submission }, event }: ContextAndEvent): boolean {
  return (
    submission.phase !== 'absent' &&
    event.type === 'SubmissionHeld' &&
    event.data.source === 'integrity' &&
    confirmationOf(submission).confirmation === 'contradicted'
  );
}

/** Where the submission would stand after the event: the machine's conditional targets ask the hold for its places. */
function leadsTo({ context, event }: ContextAndEvent, target: MachineState): boolean {
  return machineStateOf(evolve(context.submission, event)) === target;
}

const submissionSetup = setup({
  types: { context: {} as Context, events: {} as SubmissionEvent, meta: {} as { due: DueName } },
  actions: {
    fold: assign({ submission: ({ context, event }) => evolve(context.submission, event) }),
  },
  guards: {
    isForGate: ({ event }, params: { gate: GateName }) => 'gate' in event.data && event.data.gate === params.gate,
    isNewRun: ({ context, event }) => isNewRun({ context, event }),
    isNewCorrectingRun: ({ context, event }) =>
      isNewRun({ context, event }) &&
      event.type === 'RunRequested' &&
      (event.data.purpose === 'rerun' || event.data.purpose === 'replicate'),
    isNextAttempt: ({ context, event }) => {
      const run = runOf({ context, event });
      return run?.status === 'waiting' && 'attempt' in event.data && event.data.attempt === run.lastAttempt + 1;
    },
    isActiveAttempt: ({ context, event }) => isActiveAttempt({ context, event }),
    measures: ({ context, event }, params: { heldOut: boolean }) =>
      isActiveAttempt({ context, event }) && (runOf({ context, event })?.purpose === 'heldOut') === params.heldOut,
    endsRun: ({ context, event }) => endsRun({ context, event }),
    endsLastRun: ({ context, event }) => endsRun({ context, event }) && leadsTo({ context, event }, 'scoring'),
    hasLostScoreRun: ({ context, event }) => {
      const run = runOf({ context, event });
      if (event.type !== 'SubmissionFailed' || run?.purpose !== 'score' || hasActiveAttempt({ context })) return false;
      if (run.status === 'failed') return event.data.reason === run.verdict;
      return run.status === 'waiting' && run.aborted > 0 && event.data.reason === 'attemptsExhausted';
    },
    isOfScoredRun: ({ context, event }) => isOfScoredRun({ context, event }),
    isUnscorable: ({ context, event }) =>
      isOfScoredRun({ context, event }) && event.type === 'SubmissionFailed' && event.data.reason === 'unscorable',
    hasNoActiveAttempt: ({ context }) => !hasActiveAttempt({ context }),
    isNewOriginal: ({ context: { submission }, event }) =>
      submission.phase !== 'absent' &&
      event.type === 'OriginalFound' &&
      submission.originals.every(({ submissionId }) => submissionId !== event.data.original),
    isCorrectingHold: ({ context, event }) =>
      !hasActiveAttempt({ context }) &&
      event.type === 'SubmissionHeld' &&
      (event.data.source === 'audit' || event.data.source === 'operator' || isContradicted({ context, event })),
    isOwnReason: ({ context, event }) =>
      context.submission.phase === 'rejecting' &&
      event.type === 'SubmissionRejected' &&
      event.data.reason === context.submission.reason,
    isCurrentHold: ({ context, event }) => isCurrentHold({ context, event }),
    leadsTo: ({ context, event }, params: { state: MachineState }) =>
      isCurrentHold({ context, event }) && leadsTo({ context, event }, params.state),
    isAttributed: ({ event }) => event.type === 'AttributionDecided' && event.data.decision !== 'reject',
    isRefusedAttribution: ({ event }) => event.type === 'AttributionDecided' && event.data.decision === 'reject',
    isNotVoided: ({ context }) => context.submission.phase === 'completed' && !context.submission.voided,
  },
});

function endsRun({ context, event }: ContextAndEvent): boolean {
  const run = runOf({ context, event });
  if (run === undefined || isConcluded(run) || event.type !== 'RunConcluded') return false;
  const { conclusion, verdict } = event.data;
  const isRerun = run.purpose === 'rerun';
  switch (conclusion) {
    case 'measured':
      return (run.status === 'measured' || run.status === 'heldOutMeasured') && (verdict !== null) === isRerun;
    case 'failed':
      return run.purpose !== 'score' && run.status === 'failed' && verdict === (isRerun ? 'contradicted' : null);
    case 'exhausted':
      return run.purpose !== 'score' && run.status === 'waiting' && run.aborted > 0 && verdict === null;
  }
}

function isCurrentHold({ context, event }: ContextAndEvent): boolean {
  const { submission } = context;
  return submission.phase === 'held' && 'holdId' in event.data && event.data.holdId === submission.hold.holdId;
}

const fold = { actions: 'fold' } as const;
const hold = { target: 'held', guard: 'hasNoActiveAttempt', ...fold } as const;
const original = { OriginalFound: { guard: 'isNewOriginal', ...fold } } as const;
const withdrawal = { target: 'rejecting', ...fold } as const;

/** Everything about attempts and runs that may happen without leaving the state. */
const attempts = {
  AttemptCompleted: { guard: { type: 'measures', params: { heldOut: false } }, ...fold },
  HeldOutMeasured: { guard: { type: 'measures', params: { heldOut: true } }, ...fold },
  AttemptFailed: { guard: 'isActiveAttempt', ...fold },
  AttemptAborted: { guard: 'isActiveAttempt', ...fold },
  AttemptCancelled: { guard: 'isActiveAttempt', ...fold },
} as const;

function gateState<Target extends MachineState>(gate: GateName, next: Target) {
  const guard = { type: 'isForGate', params: { gate } } as const;
  const pass = { target: next, guard, ...fold } as const;
  return {
    meta: { due: 'gate' },
    on: {
      ...(gate === 'contract'
        ? { ContractResolved: { target: next, ...fold } }
        : { GatePassed: pass, GateSkipped: pass }),
      ...(gate === 'llm' ? { SubmissionReviewed: fold } : {}),
      ...(gate === 'duplicate' ? { SourceSketched: fold, SourceCompared: fold } : {}),
      GateFailed: { target: 'rejecting', guard, ...fold },
      GateDeferred: { guard, ...fold },
      ...original,
      SubmissionHeld: hold,
      SubmissionWithdrawn: withdrawal,
    },
  } as const;
}

const parkableStates = [...gateNames, 'queued', 'measuring', 'scoring', 'attributing', 'completed'] as const;
const resumptions = parkableStates.map(
  (state) => ({ target: state, guard: { type: 'leadsTo', params: { state } }, ...fold }) as const,
);
const refusal = { target: 'rejecting', guard: { type: 'leadsTo', params: { state: 'rejecting' } }, ...fold } as const;

export const submissionMachine = submissionSetup.createMachine({
  id: 'submission',
  context: { submission: initialState },
  initial: 'absent',
  states: {
    absent: { on: { SubmissionReceived: { target: 'contract', ...fold } } },
    contract: gateState('contract', 'static'),
    static: gateState('static', 'parameters'),
    parameters: gateState('parameters', 'distributed'),
    distributed: gateState('distributed', 'duplicate'),
    duplicate: gateState('duplicate', 'llm'),
    llm: gateState('llm', 'queued'),
    queued: {
      meta: { due: 'runs' },
      on: {
        ...original,
        RunRequested: { guard: 'isNewRun', ...fold },
        AttemptStarted: { target: 'measuring', guard: 'isNextAttempt', ...fold },
        SubmissionHeld: hold,
        SubmissionWithdrawn: withdrawal,
      },
    },
    measuring: {
      meta: { due: 'runs' },
      on: {
        ...original,
        RunRequested: { guard: 'isNewRun', ...fold },
        AttemptStarted: { guard: 'isNextAttempt', ...fold },
        ...attempts,
        RunConcluded: [
          { target: 'scoring', guard: 'endsLastRun', ...fold },
          { guard: 'endsRun', ...fold },
        ],
        SubmissionFailed: { target: 'failed', guard: 'hasLostScoreRun', ...fold },
        SubmissionHeld: hold,
      },
    },
    scoring: {
      meta: { due: 'conclusion' },
      on: {
        ...original,
        RunRequested: { target: 'measuring', guard: 'isNewRun', ...fold },
        ScoreComputed: { target: 'attributing', guard: 'isOfScoredRun', ...fold },
        SubmissionFailed: { target: 'failed', guard: 'isUnscorable', ...fold },
        SubmissionHeld: hold,
      },
    },
    attributing: {
      meta: { due: 'conclusion' },
      on: {
        ...original,
        AttributionDecided: [
          { target: 'completing', guard: 'isAttributed', ...fold },
          { target: 'rejecting', guard: 'isRefusedAttribution', ...fold },
        ],
        SubmissionHeld: hold,
      },
    },
    completing: { on: { SubmissionCompleted: { target: 'completed', ...fold } } },
    rejecting: { on: { SubmissionRejected: { target: 'rejected', guard: 'isOwnReason', ...fold } } },
    held: {
      meta: { due: 'expiry' },
      on: { ...original, HoldResolved: [...resumptions, refusal], HoldExpired: [...resumptions, refusal] },
    },
    completed: {
      meta: { due: 'runs' },
      on: {
        ...original,
        RunRequested: { guard: 'isNewCorrectingRun', ...fold },
        AttemptStarted: { guard: 'isNextAttempt', ...fold },
        ...attempts,
        RunConcluded: { guard: 'endsRun', ...fold },
        ScoreVoided: { guard: 'isNotVoided', ...fold },
        ScoreRecomputed: { guard: 'isNotVoided', ...fold },
        SubmissionHeld: { target: 'held', guard: 'isCorrectingHold', ...fold },
      },
    },
    failed: {},
    rejected: {},
  },
});

/** Puts a folded state back into the machine. */
export function snapshotOf(state: SubmissionState) {
  return submissionMachine.resolveState({ value: machineStateOf(state), context: { submission: state } });
}

/** Whether the machine knows this event in this state. Asked about every event before it is appended. */
export function permits(state: SubmissionState, event: SubmissionEvent): boolean {
  return snapshotOf(state).can(event);
}

/** What is due in a state; null where only somebody else can act. */
export function dueIn(state: SubmissionState): DueName | null {
  const [due] = Object.values(snapshotOf(state).getMeta()).map((meta) => meta?.due ?? null);
  return due ?? null;
}
