import type { RunOutcome } from '../../domain/run.ts';
import type { GateResult, SubmissionCommand } from '../../domain/submission/commands.ts';
import { gateNames } from '../../domain/submission/events.ts';
import { findRun } from '../../domain/submission/runs.ts';
import type { SubmissionState } from '../../domain/submission/state.ts';
import {
  activePolicy,
  attemptKey,
  comparison,
  completedOutcome,
  conclude,
  concludeWith,
  contract,
  crashOutcome,
  expireHold,
  exportingOutcome,
  finding,
  heldOutOutcome,
  hold,
  instant,
  measurement,
  objectionable,
  ourFault,
  owner,
  receipt,
  recordGate,
  recordOriginal,
  recordOutcome,
  requestRun,
  rerunOutcome,
  resolveHold,
  review,
  sketch,
  startAttempt,
} from '../domain/submission-examples.ts';

/** Commands of every kind for a state: with keys that match it, and with keys that don't. */
export function sampleCommands(state: SubmissionState): readonly SubmissionCommand[] {
  return [...fixedCommands, ...['score', 'rerun', 'heldOut'].flatMap((run) => attemptCommands(state, run))];
}

const results: readonly GateResult[] = [
  { kind: 'resolved', contract, gateVersion: '1' },
  { kind: 'passed', gateVersion: '1', evidence: null },
  { kind: 'failed', gateVersion: '1', findings: [finding], evidence: null },
  { kind: 'failed', gateVersion: '1', findings: [], evidence: null },
  { kind: 'passed', gateVersion: '1', evidence: null, review: { ...review, verdict: 'passed', doubts: [] } },
  { kind: 'sketched', sketch },
  { kind: 'passed', gateVersion: '1', evidence: null, comparison },
  { kind: 'held', holdId: 'h1', reason: 'looks odd', expiresAt: instant(90_000), review },
  { kind: 'skipped', reason: 'off' },
  { kind: 'deferred', reason: 'down', retryAt: instant(2) },
  { kind: 'deferred', reason: 'down', retryAt: instant(20) },
];

const fixedCommands: readonly SubmissionCommand[] = [
  { kind: 'ReceiveSubmission', received: receipt },
  ...gateNames.flatMap((gate) => results.map((result) => recordGate(gate, result))),
  requestRun('score', 'score'),
  requestRun('another', 'score'),
  requestRun('rerun', 'rerun'),
  requestRun('heldOut', 'heldOut'),
  requestRun('unheardOf', 'heldOut'),
  conclude,
  concludeWith({ integrity: { reruns: { mode: 'all' } } }),
  concludeWith({ integrity: { reruns: { mode: 'all', beforePublication: false } } }),
  hold('h1', 'operator', 'olga'),
  hold('h2', 'llm'),
  hold('h3', 'audit'),
  recordOriginal,
  { ...recordOriginal, original: 'another original', exact: true },
  ...['h1', 'another'].flatMap((holdId): readonly SubmissionCommand[] => [
    resolveHold(holdId, 'release'),
    resolveHold(holdId, 'reject'),
    expireHold(holdId, 0),
    expireHold(holdId, 90_000),
  ]),
  { kind: 'Withdraw', hotkey: owner },
  { kind: 'Withdraw', hotkey: 'somebody else' },
  { kind: 'VoidScore', operator: 'olga', reason: 'leaked' },
  { kind: 'RecomputeScore', reason: 'season', policy: activePolicy({}, 2) },
  { kind: 'RecomputeScore', reason: 'season', policy: activePolicy({ scoring: { sourceCharge: 0 } }, 2) },
];

const uncovered = { ...measurement, microNats: 0, coveredBytes: 0, uncoveredBytes: measurement.streamBytes };
const outcomes: readonly RunOutcome[] = [
  completedOutcome,
  exportingOutcome,
  heldOutOutcome(),
  { ...completedOutcome, examination: objectionable },
  rerunOutcome('confirmed'),
  rerunOutcome('contradicted'),
  rerunOutcome('nonReproducible'),
  { ...completedOutcome, measurement: uncovered },
  crashOutcome,
  { ...crashOutcome, kind: 'limitExceeded', verdict: 'memory', message: 'x'.repeat(9_000) },
  ourFault,
];

function attemptCommands(state: SubmissionState, run: string): readonly SubmissionCommand[] {
  const last = state.phase === 'absent' ? 0 : (findRun(state.runs, run)?.lastAttempt ?? 0);
  const attempts = [last, last + 1].filter((attempt) => attempt > 0);
  return attempts.flatMap((attempt): readonly SubmissionCommand[] => [
    startAttempt(run, attempt),
    startAttempt(run, attempt, 'slot-elsewhere-cpu0'),
    { ...startAttempt(run, attempt), fencingToken: attempt + 7 },
    ...outcomes.flatMap((outcome) => [
      recordOutcome(run, attempt, outcome, 1),
      recordOutcome(run, attempt, outcome, 3),
      { ...recordOutcome(run, attempt, outcome), fencingToken: attempt + 7 },
    ]),
    { kind: 'CancelAttempt', ...attemptKey(run, attempt), operator: 'olga', reason: 'host goes down' },
    { kind: 'CancelAttempt', run, attempt, fencingToken: attempt + 7, operator: 'olga', reason: 'host goes down' },
  ]);
}
