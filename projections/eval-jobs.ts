import {
  gateNames,
  type SubmissionEvent,
  type SubmissionEventData,
  submissionStreamPrefix,
} from '../domain/submission/events.ts';
import { liveReader } from './live-reader.ts';
import type { Fold, Projection, TableNames } from './projection.ts';
import type { ProjectionDatabase } from './projection-database.ts';
import { submissionEventOf, submissionIdOf } from './submission-event.ts';

/** Work by level: the gate phase is one job of level `l1`; each attempt is a job with its device class as level. */
const table = 'eval_jobs';
const gateLevel = 'l1';
const lastGate = gateNames.at(-1);

export type EvalJobState = 'running' | 'deferred' | 'held' | 'completed' | 'failed' | 'aborted' | 'cancelled';

function createSql(name: TableNames): string {
  return `
  CREATE TABLE ${name(table)} (
    job_id TEXT PRIMARY KEY,
    submission_id TEXT NOT NULL,
    level TEXT NOT NULL,
    state TEXT NOT NULL,
    started_at TEXT NOT NULL,
    ended_at TEXT
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX ${name(table)}_by_state ON ${name(table)} (level, state);`;
}

type Jobs = {
  start(jobId: string, level: string): void;
  /** The state of an open job changes; an ended one stays as it is. */
  change(jobId: string, state: EvalJobState): void;
  end(jobId: string, state: EvalJobState): void;
};

function prepareFold(db: ProjectionDatabase, name: TableNames): Fold {
  const insert = db.prepare(
    `INSERT INTO ${name(table)} (job_id, submission_id, level, state, started_at) VALUES (?, ?, ?, 'running', ?)`,
  );
  const change = db.prepare(
    `UPDATE ${name(table)} SET state = ? WHERE job_id = ? AND ended_at IS NULL AND state IS NOT ?`,
  );
  const end = db.prepare(`UPDATE ${name(table)} SET state = ?, ended_at = ? WHERE job_id = ? AND ended_at IS NULL`);
  return (projected) => {
    const event = submissionEventOf(projected);
    if (event === null) return;
    const submissionId = submissionIdOf(projected.stream);
    foldJob(event, submissionId, {
      start: (jobId, level) => void insert.run(jobId, submissionId, level, projected.recordedAt),
      change: (jobId, state) => void change.run(state, jobId, state),
      end: (jobId, state) => void end.run(state, projected.recordedAt, jobId),
    });
  };
}

function foldJob(event: SubmissionEvent, submissionId: string, jobs: Jobs): void {
  const gateJob = `${submissionId}/${gateLevel}`;
  switch (event.type) {
    case 'SubmissionReceived':
      jobs.start(gateJob, gateLevel);
      break;
    case 'GatePassed':
    case 'GateSkipped':
      if (event.data.gate === lastGate) jobs.end(gateJob, 'completed');
      else jobs.change(gateJob, 'running');
      break;
    case 'GateDeferred':
      jobs.change(gateJob, 'deferred');
      break;
    case 'GateFailed':
      jobs.end(gateJob, 'failed');
      break;
    case 'SubmissionHeld':
      jobs.change(gateJob, 'held');
      break;
    case 'HoldResolved':
    case 'HoldExpired':
      jobs.change(gateJob, 'running');
      break;
    case 'RunRequested':
      // A hold at the last gate that is released answers that gate: no event says that it passed.
      jobs.end(gateJob, 'completed');
      break;
    case 'SubmissionRejected':
      jobs.end(gateJob, event.data.reason === 'withdrawn' ? 'cancelled' : 'failed');
      break;
    case 'AttemptStarted':
      jobs.start(attemptJob(submissionId, event.data), event.data.deviceClass);
      break;
    case 'AttemptCompleted':
    case 'HeldOutMeasured':
      jobs.end(attemptJob(submissionId, event.data), 'completed');
      break;
    case 'AttemptFailed':
      jobs.end(attemptJob(submissionId, event.data), 'failed');
      break;
    case 'AttemptAborted':
      jobs.end(attemptJob(submissionId, event.data), 'aborted');
      break;
    case 'AttemptCancelled':
      jobs.end(attemptJob(submissionId, event.data), 'cancelled');
      break;
    default:
      break;
  }
}

function attemptJob(
  submissionId: string,
  { run, attempt }: Pick<SubmissionEventData<'AttemptStarted'>, 'run' | 'attempt'>,
) {
  return `${submissionId}/${run}/${attempt}`;
}

export const evalJobsProjection: Projection = {
  name: table,
  schema: 1,
  streams: [submissionStreamPrefix],
  tables: [table],
  createSql,
  prepareFold,
};

export type EvalJobCount = { readonly level: string; readonly state: EvalJobState; readonly jobs: number };
export type OpenEvalJobs = {
  readonly counts: readonly EvalJobCount[];
  /** When the longest-open job of all began, null when nothing is open. */
  readonly oldestOpenAt: string | null;
};
export type EvalJobQueries = { summary(): OpenEvalJobs };

export function evalJobQueries(db: ProjectionDatabase): EvalJobQueries {
  const read = liveReader(db, evalJobsProjection, (name) => ({
    counts: db.prepare<[], EvalJobCount>(
      `SELECT level, state, count(*) AS jobs FROM ${name(table)} GROUP BY level, state ORDER BY level, state`,
    ),
    oldest: db.prepare<[], { startedAt: string | null }>(
      `SELECT min(started_at) AS startedAt FROM ${name(table)} WHERE state IN ('running', 'deferred', 'held')`,
    ),
  }));
  return {
    summary: () =>
      read(({ counts, oldest }) => ({ counts: counts.all(), oldestOpenAt: oldest.get()?.startedAt ?? null })),
  };
}
