import { expect } from 'chai';
import { gateNames, type SubmissionEvent } from '../../domain/submission/events.ts';
import { evolve } from '../../domain/submission/evolve.ts';
import { initialState, publicStatus, type SubmissionState } from '../../domain/submission/state.ts';
import { dueIn, permits } from '../../machines/submission-machine.ts';
import { projections } from '../../projections/catalog.ts';
import { dueSubmissionQueries } from '../../projections/due-submissions.ts';
import { ensureLive } from '../../projections/ensure-live.ts';
import { scoreQueries } from '../../projections/scores.ts';
import { type StatusProgress, statusAfter } from '../../projections/submission-status.ts';
import { submissionQueries } from '../../projections/submissions.ts';
import { memoryEventLog } from '../../storage/memory-event-log.ts';
import {
  attemptAborted,
  attemptCompleted,
  attemptFailed,
  attemptStarted,
  contractResolved,
  fact,
  finding,
  gateSkipped,
  held,
  instant,
  measurement,
  received,
  resolved,
  runConcluded,
  runRequested,
  scoreOf,
} from '../domain/submission-examples.ts';
import { envelope, submissionOf, temporaryDatabase } from './fixtures.ts';

/** One way to a state of the machine. */
type Path = { readonly events: readonly SubmissionEvent[]; readonly state: SubmissionState };

const scored = { run: 'score', score: scoreOf(measurement), policyVersion: 1 };
const pathLimit = 1_200;

/** Events that may come next, legal or not; runs and attempts are bounded so that the walk ends. */
function candidates(state: SubmissionState): readonly SubmissionEvent[] {
  if (state.phase === 'absent') return [received, contractResolved];
  return [...gateEvents, ...endings, ...holdEvents(state), ...runEvents(state)];
}

const gateEvents: readonly SubmissionEvent[] = [
  contractResolved,
  ...gateNames.flatMap((gate) => [
    gateSkipped(gate),
    fact('GateFailed', { gate, gateVersion: '1', findings: [finding], evidence: null, policyVersion: 1 }),
    fact('GateDeferred', { gate, reason: 'outage', deferral: 1, retryAt: instant(60), policyVersion: 1 }),
  ]),
];

const endings: readonly SubmissionEvent[] = [
  fact('SubmissionRejected', { reason: 'gateFailed', gate: null, message: 'no' }),
  fact('SubmissionFailed', { reason: 'exception', run: 'score', attempt: 1, where: null, message: 'no' }),
  fact('SubmissionWithdrawn', { hotkey: 'alice' }),
  fact('ScoreComputed', scored),
  fact('AttributionDecided', { decision: 'none', reason: 'no', policyVersion: 1 }),
  fact('AttributionDecided', { decision: 'reject', reason: 'no', policyVersion: 1 }),
  fact('SubmissionCompleted', { finalScore: 0.5, deviceClass: 'cpu' }),
  fact('ScoreVoided', { operator: 'olga', reason: 'copied' }),
  fact('ScoreRecomputed', { ...scored, reason: 'a new rule' }),
];

function holdEvents(state: Exclude<SubmissionState, { phase: 'absent' }>): readonly SubmissionEvent[] {
  if (state.phase !== 'held') return [held('hold', 'llm'), held('hold', 'operator')];
  return [resolved('hold', 'release'), resolved('hold', 'reject'), fact('HoldExpired', { holdId: 'hold' })];
}

function runEvents(state: Exclude<SubmissionState, { phase: 'absent' }>): readonly SubmissionEvent[] {
  const requests = state.runs.length === 0 ? [runRequested('score', 'score')] : [runRequested('again', 'rerun')];
  return [
    ...(state.runs.length < 2 ? requests : []),
    ...state.runs.flatMap(({ run, lastAttempt }) => [
      ...(lastAttempt < 2 ? [attemptStarted(run, lastAttempt + 1)] : []),
      ...(lastAttempt === 0
        ? []
        : [attemptCompleted(run, lastAttempt), attemptFailed(run, lastAttempt), attemptAborted(run, lastAttempt)]),
      runConcluded(run, 'measured'),
      runConcluded(run, 'failed'),
      runConcluded(run, 'exhausted'),
    ]),
  ];
}

/** Breadth first, one path to every state that differs. */
function walk(): readonly Path[] {
  const paths: Path[] = [{ events: [], state: initialState }];
  const seen = new Set<string>();
  for (const path of paths) {
    if (paths.length > pathLimit) break;
    for (const event of candidates(path.state).filter((next) => permits(path.state, next))) {
      const state = evolve(path.state, event);
      const key = JSON.stringify(state);
      if (seen.has(key)) continue;
      seen.add(key);
      paths.push({ events: [...path.events, event], state });
    }
  }
  return paths;
}

describe('read models and the machine', () => {
  const file = temporaryDatabase();
  const paths = walk();
  const idOf = (index: number) => `path-${index}`;

  before(async () => {
    const history = paths.flatMap(({ events }, index) => submissionOf(idOf(index), events, { hotkey: idOf(index) }));
    const log = memoryEventLog();
    for (const [index, [stream, event]] of history.entries()) {
      await log.append(stream, 'any', [envelope(`walk ${index}`, stream, event, instant(index))]);
    }
    await ensureLive({ db: file.db, log, projections });
  });
  after(() => file.dispose());

  it('are walked into every phase', () => {
    const phases = new Set(paths.map(({ state }) => state.phase));
    expect([...phases].toSorted()).to.deep.equal(
      [
        'absent',
        'gate',
        'queued',
        'measuring',
        'scoring',
        'attributing',
        'completing',
        'completed',
        'held',
        'failed',
        'rejecting',
        'rejected',
      ].toSorted(),
    );
  });

  it('agree about the public status on every path', () => {
    const { byId } = submissionQueries(file.db);
    for (const [index, { events, state }] of paths.entries()) {
      const expected = state.phase === 'absent' ? null : publicStatus(state);
      const way = events.map(({ type }) => type).join(' → ');
      const pure = events.reduce<StatusProgress | null>(statusAfter, null)?.status ?? null;
      expect(pure, way).to.equal(expected);
      expect(byId(idOf(index))?.status ?? null, way).to.equal(expected);
    }
  });

  it('agree about the gate that a submission stands at on every path', () => {
    const { byId } = submissionQueries(file.db);
    const beforeRuns = new Set(['gate', 'queued', 'measuring', 'scoring', 'completed']);
    for (const [index, { events, state }] of paths.entries()) {
      if (!beforeRuns.has(state.phase)) continue;
      const expected = state.phase === 'gate' ? state.gate : null;
      expect(byId(idOf(index))?.gate?.name ?? null, events.map(({ type }) => type).join(' → ')).to.equal(expected);
    }
  });

  it('agree about what is due on every path', () => {
    const queries = dueSubmissionQueries(file.db);
    const due = new Set(queries.submissions('9999', paths.length));
    const waiting = new Set(
      queries.waitingRuns(2 * paths.length).map(({ submissionId, run }) => `${submissionId} ${run}`),
    );
    for (const [index, { events, state }] of paths.entries()) {
      // Nothing rests in these: the event that leaves them comes in the same append.
      if (state.phase === 'absent' || state.phase === 'rejecting' || state.phase === 'completing') continue;
      const way = events.map(({ type }) => type).join(' → ');
      const name = dueIn(state);
      const isOverdue = state.runs.some(({ status }) => status === 'attempting');
      const wantsRuns = name === 'runs' && (isOverdue || (state.phase === 'queued' && state.runs.length === 0));
      if (!isBetweenEvents(state))
        expect(due.has(idOf(index)), way).to.equal(wantsRuns || (name !== null && name !== 'runs'));
      for (const { run, status } of state.runs) {
        const isOffered = status === 'waiting' && name === 'runs';
        expect(waiting.has(`${idOf(index)} ${run}`), `${run}: ${way}`).to.equal(isOffered);
      }
    }
  });

  it('agree about what counts on every path', () => {
    const { entries } = scoreQueries(file.db).leaderboard({ deviceClass: 'cpu', epoch: null }, null, paths.length);
    const counting = new Set(entries.map(({ submissionId }) => submissionId));
    for (const [index, { events, state }] of paths.entries()) {
      const counts = state.phase === 'completed' && !state.voided;
      expect(counting.has(idOf(index)), events.map(({ type }) => type).join(' → ')).to.equal(counts);
    }
  });
});

/** A run is measured or has failed, and its conclusion comes in the same append. */
function isBetweenEvents(state: Exclude<SubmissionState, { phase: 'absent' }>): boolean {
  return state.runs.some(({ status }) => status === 'measured' || status === 'failed');
}
