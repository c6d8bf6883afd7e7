import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { type SubmissionEvent, submissionStream } from '../../domain/submission/events.ts';
import { activeRuns, isOpenToAttempts } from '../../domain/submission/runs.ts';
import { type LivingState, publicStatus, type SubmissionState } from '../../domain/submission/state.ts';
import { dueIn } from '../../machines/submission-machine.ts';
import { openProjectionDatabase } from '../../projections/database.ts';
import { dueSubmissionQueries, dueSubmissionsProjection } from '../../projections/due-submissions.ts';
import { type Fold, tableNames } from '../../projections/projection.ts';
import type { ProjectionDatabase } from '../../projections/projection-database.ts';
import { submissionQueries, submissionsProjection } from '../../projections/submissions.ts';
import { projectionVersions } from '../../projections/versions.ts';
import { instant, receipt } from '../domain/submission-examples.ts';
import { type Place, stateKey, walk } from './walk.ts';

const { submissionId } = receipt;
const farFuture = instant(10 ** 9);

/** The real folds and queries over a real file, with a way back: every branch of the walk starts from its fork. */
function readModels(db: ProjectionDatabase) {
  const versions = projectionVersions(db);
  const folds = [submissionsProjection, dueSubmissionsProjection].map((projection): Fold => {
    const version = versions.create(projection, process.pid);
    versions.goLive(projection, version);
    return projection.prepareFold(db, tableNames(version));
  });
  const { byId } = submissionQueries(db);
  const due = dueSubmissionQueries(db);
  return {
    after<Result>(event: SubmissionEvent, position: number, look: () => Result): Result {
      db.exec('SAVEPOINT fork');
      const projected = { event, stream: submissionStream(submissionId), position, recordedAt: instant(position) };
      for (const fold of folds) fold(projected);
      const result = look();
      db.exec('ROLLBACK TO fork; RELEASE fork');
      return result;
    },
    status: () => byId(submissionId)?.status ?? null,
    isListedAsDue: () => due.submissions(farFuture, 10).includes(submissionId),
    waitingRuns: () => due.waitingRuns(10).map(({ run }) => run),
  };
}

/** A transaction is under way: the rest of its events follow in the same append, and nobody looks in between. */
function isInPassing(state: LivingState): boolean {
  const passing = ['attributing', 'completing', 'rejecting'];
  const parked = state.phase === 'held' ? state.hold.onExpiry : state;
  return (
    passing.includes(parked.phase) ||
    state.runs.some(({ status }) => ['measured', 'heldOutMeasured', 'failed'].includes(status))
  );
}

function isDue(state: LivingState): boolean {
  if (state.phase === 'queued') return state.runs.length === 0;
  // Looked at from the far future: every running attempt is overdue.
  if (activeRuns(state.runs).length > 0) return true;
  return ['gate', 'conclusion', 'expiry'].includes(dueIn(state) ?? '');
}

function waitingRunsOf(state: LivingState): readonly string[] {
  return isOpenToAttempts(state) ? state.runs.filter(({ status }) => status === 'waiting').map(({ run }) => run) : [];
}

describe('The read models along every path of the walk', function () {
  this.timeout(30_000);
  let folder = '';
  let db: ProjectionDatabase;
  let places = new Map<string, Place>();
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'prism-walk-'));
    db = openProjectionDatabase(join(folder, 'read-models.sqlite'));
    places = new Map(walk().map((place) => [stateKey(place.snapshot.context.submission), place]));
  });
  after(() => {
    db.close();
    rmSync(folder, { recursive: true });
  });

  it('say the public status of the state, list what is due in it, and offer the runs that wait', () => {
    const models = readModels(db);
    const wrong = new Set<string>();
    let steps = 0;

    function check(state: SubmissionState, event: SubmissionEvent): void {
      if (state.phase === 'absent') return;
      steps += 1;
      const where = `after ${event.type} in ${state.phase}`;
      const status = models.status();
      if (status !== publicStatus(state)) wrong.add(`status ${where}: ${status}, not ${publicStatus(state)}`);
      if (isInPassing(state)) return;
      if (models.isListedAsDue() !== isDue(state)) wrong.add(`due ${where}: listed is ${models.isListedAsDue()}`);
      const [waiting, expected] = [models.waitingRuns().sort().join(), [...waitingRunsOf(state)].sort().join()];
      if (waiting !== expected) wrong.add(`waiting ${where}: ${waiting || 'none'}, not ${expected || 'none'}`);
    }

    function branch(place: Place): void {
      for (const { event, next } of place.steps) {
        const state = next.context.submission;
        const child = places.get(stateKey(state));
        models.after(event, place.history.length + 1, () => {
          check(state, event);
          const isFirstWay = child?.history.length === place.history.length + 1 && child.history.at(-1) === event;
          if (child !== undefined && isFirstWay && isPrefix(place.history, child.history)) branch(child);
        });
      }
    }

    db.exec('BEGIN');
    const start = places.get('absent');
    if (start !== undefined) branch(start);
    db.exec('ROLLBACK');
    expect([...wrong]).to.deep.equal([]);
    expect(steps).to.equal([...places.values()].reduce((sum, place) => sum + place.steps.length, 0));
  });
});

function isPrefix(short: readonly SubmissionEvent[], long: readonly SubmissionEvent[]): boolean {
  return short.every((event, index) => event === long[index]);
}
