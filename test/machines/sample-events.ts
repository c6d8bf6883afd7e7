import {
  type FailureReason,
  gateNames,
  type HoldSource,
  type RunPurpose,
  rejectionReasons,
  type SubmissionEvent,
} from '../../domain/submission/events.ts';
import { findRun, scoredRun } from '../../domain/submission/runs.ts';
import type { SubmissionState } from '../../domain/submission/state.ts';
import {
  attemptAborted,
  attemptCompleted,
  attemptFailed,
  attemptKey,
  attemptStarted,
  compared,
  contractResolved,
  fact,
  finding,
  gateSkipped,
  held,
  heldAsCopy,
  heldOutMeasured,
  instant,
  measurement,
  originalFound,
  owner,
  received,
  resolved,
  reviewed,
  runConcluded,
  runRequested,
  scoreOf,
  sketched,
} from '../domain/submission-examples.ts';

/**
 * A bounded set of concrete events, of every type of the catalog, legal or not, to be tried in a state. Bounds: two runs (`score` and
 * a `rerun` or a `heldOut`), two attempts of the score run and one of the other, one deferral of a gate, holds of the sources that a state
 * tells apart, one original, found at the duplicate gate, while a hold is in force there, or once the submission is published.
 */
export function sampleEvents(state: SubmissionState): readonly SubmissionEvent[] {
  return [...gateEvents(state), ...runEvents(state), ...verdicts, ...holdEvents(state)];
}

const mostAttempts = { score: 2, rerun: 1, heldOut: 1 } as const;
const runNames = ['score', 'rerun', 'heldOut'] as const;

const gateFacts: readonly SubmissionEvent[] = gateNames.flatMap((gate) => [
  gateSkipped(gate),
  fact('GatePassed', { gate, gateVersion: '1', findings: [], evidence: null, behaviour: null, policyVersion: 1 }),
  fact('GateFailed', { gate, gateVersion: '1', findings: [finding], evidence: null, policyVersion: 1 }),
]);
const deferrals: readonly SubmissionEvent[] = gateNames.map((gate) =>
  fact('GateDeferred', { gate, reason: 'down', deferral: 1, retryAt: instant(2), policyVersion: 1 }),
);

function gateEvents(state: SubmissionState): readonly SubmissionEvent[] {
  const isDeferred = state.phase === 'gate' && state.deferral !== null;
  return [received, contractResolved, reviewed, sketched, compared, ...gateFacts, ...(isDeferred ? [] : deferrals)];
}

const purposes: readonly RunPurpose[] = ['score', 'heldOut', 'rerun'];
const scoreRequests = purposes.map((purpose) => runRequested('score', purpose));
const rerunRequests = [runRequested('rerun', 'score'), runRequested('rerun', 'rerun')];

function runEvents(state: SubmissionState): readonly SubmissionEvent[] {
  const runs = state.phase === 'absent' ? [] : state.runs;
  // What is said of a run that isn't there is tried before the second one is.
  const named = runNames.filter((name) => runs.length < 2 || runs.some(({ run }) => run === name));
  const attempts = named.flatMap((run) => {
    const last = findRun(runs, run)?.lastAttempt ?? 0;
    const starts = [last, last + 1, last + 2].filter((attempt) => attempt >= 1 && attempt <= mostAttempts[run]);
    return [...starts.map((attempt) => attemptStarted(run, attempt)), ...endings(run, Math.max(1, last))];
  });
  // Runs and traces of holds multiply: two runs are tried where no hold has left one.
  const isTraced =
    state.phase !== 'absent' && (state.expiredHolds > 0 || state.publishBlind || state.originals.length > 0);
  // A state is there to be measured once the score run is over.
  const isExported = runs.length === 1 && scoredRun({ runs })?.run === 'score';
  const heldOut = runRequested(isExported ? 'heldOut' : 'unheardOf', 'heldOut');
  return [...scoreRequests, ...(isTraced ? [] : [...rerunRequests, heldOut]), ...attempts];
}

/** As any run ends, and as a rerun does; `nonReproducible` goes the way of `confirmed`. */
const conclusions = [
  ['measured', null],
  ['failed', null],
  ['exhausted', null],
  ['measured', 'confirmed'],
  ['measured', 'contradicted'],
  ['failed', 'contradicted'],
  ['exhausted', 'contradicted'],
] as const;

function endings(run: string, attempt: number): readonly SubmissionEvent[] {
  const stale = { ...attemptKey(run, attempt), fencingToken: attempt + 7 };
  const cancellation = { operator: 'olga', reason: 'host goes down' };
  return [
    attemptCompleted(run, attempt),
    heldOutMeasured(run, attempt),
    attemptFailed(run, attempt),
    attemptAborted(run, attempt),
    fact('AttemptCancelled', { ...attemptKey(run, attempt), ...cancellation }),
    fact('AttemptCancelled', { ...stale, ...cancellation }),
    ...conclusions.map(([conclusion, verdict]) => runConcluded(run, conclusion, verdict)),
    failed('exception', run),
    failed('attemptsExhausted', run),
    failed('unscorable', run),
  ];
}

function failed(reason: FailureReason, run: string): SubmissionEvent {
  return fact('SubmissionFailed', { reason, run, attempt: 1, where: null, message: 'it failed' });
}

const score = scoreOf(measurement);
const verdicts: readonly SubmissionEvent[] = [
  fact('ScoreComputed', { run: 'score', score, policyVersion: 1 }),
  fact('ScoreComputed', { run: 'rerun', score, policyVersion: 1 }),
  ...(['none', 'accept', 'reject'] as const).map((decision) =>
    fact('AttributionDecided', { decision, reason: 'none', policyVersion: 1 }),
  ),
  fact('SubmissionCompleted', { finalScore: score.finalScore, deviceClass: 'cpu' }),
  ...rejectionReasons.map((reason) => fact('SubmissionRejected', { reason, gate: null, message: 'no' })),
  fact('SubmissionWithdrawn', { hotkey: owner }),
  fact('ScoreVoided', { operator: 'olga', reason: 'leaked' }),
  fact('ScoreRecomputed', { run: 'score', score, reason: 'season', policyVersion: 2 }),
];

/** The sources whose holds differ in a state. Holds that a gate asks for, elsewhere, are like an operator's. A copy is tried with few. */
function sourcesIn(state: SubmissionState): readonly HoldSource[] {
  if (state.phase !== 'absent' && state.originals.length > 0) {
    return state.phase === 'measuring' || state.phase === 'completed' ? ['audit'] : [];
  }
  if (state.phase === 'gate') {
    return state.gate === 'llm' || state.gate === 'duplicate' ? ['llm', 'duplicate'] : ['operator', 'llm'];
  }
  if (state.phase === 'measuring') return ['validatorDisagreement'];
  if (state.phase === 'attributing') return ['attribution'];
  return state.phase === 'scoring' ? ['integrity', 'operator'] : ['audit', 'integrity'];
}

function originalEvents(state: SubmissionState): readonly SubmissionEvent[] {
  if (state.phase === 'absent') return [originalFound];
  const parked = state.phase === 'held' ? state.hold.onExpiry : state;
  const isTried =
    parked.phase === 'completed' ? parked.runs.length === 1 : 'gate' in parked && parked.gate === 'duplicate';
  if (!isTried) return [];
  const isUndecided = state.originals.some(({ isDecided }) => !isDecided);
  const source = state.phase === 'completed' ? 'audit' : 'duplicate';
  return [originalFound, ...(isUndecided ? [heldAsCopy('h1', source)] : [])];
}

function holdEvents(state: SubmissionState): readonly SubmissionEvent[] {
  const mayExpire = state.phase === 'absent' || state.runs.length < 2 || state.phase === 'completed';
  return [
    ...sourcesIn(state).map((source) => held('h1', source)),
    ...originalEvents(state),
    ...['h1', 'another'].flatMap((holdId) => [
      resolved(holdId, 'release'),
      resolved(holdId, 'reject'),
      ...(mayExpire ? [fact('HoldExpired', { holdId })] : []),
    ]),
  ];
}
