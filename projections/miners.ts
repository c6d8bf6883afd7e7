import { type SubmissionEvent, submissionStreamPrefix } from '../domain/submission/events.ts';
import { liveReader } from './live-reader.ts';
import type { Fold, Projection, TableNames } from './projection.ts';
import type { ProjectionDatabase } from './projection-database.ts';
import { submissionEventOf, submissionIdOf } from './submission-event.ts';

/** One row a hotkey, counted up from how its submissions ended. `miner_submissions` says whose an event is. */
const miners = 'miners';
const submissions = 'miner_submissions';

type Ending = 'completed' | 'failed' | 'rejected';

function createSql(name: TableNames): string {
  return `
  CREATE TABLE ${name(miners)} (
    hotkey TEXT PRIMARY KEY,
    submissions INTEGER NOT NULL DEFAULT 0,
    completed INTEGER NOT NULL DEFAULT 0,
    failed INTEGER NOT NULL DEFAULT 0,
    rejected INTEGER NOT NULL DEFAULT 0,
    first_received_at TEXT NOT NULL,
    last_received_at TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE ${name(submissions)} (
    submission_id TEXT PRIMARY KEY,
    hotkey TEXT NOT NULL,
    ending TEXT CHECK (ending IN ('completed', 'failed', 'rejected'))
  ) STRICT, WITHOUT ROWID;`;
}

function endingOf(event: SubmissionEvent): Ending | null {
  switch (event.type) {
    case 'SubmissionCompleted':
      return 'completed';
    case 'SubmissionFailed':
      return 'failed';
    case 'SubmissionRejected':
      return 'rejected';
    default:
      return null;
  }
}

function prepareFold(db: ProjectionDatabase, name: TableNames): Fold {
  const insertSubmission = db.prepare(`INSERT INTO ${name(submissions)} (submission_id, hotkey) VALUES (?, ?)`);
  const countReceipt = db.prepare(
    `INSERT INTO ${name(miners)} (hotkey, submissions, first_received_at, last_received_at) VALUES (?, 1, ?, ?)
     ON CONFLICT (hotkey) DO UPDATE SET submissions = submissions + 1, last_received_at = excluded.last_received_at`,
  );
  const select = db.prepare<[string], { hotkey: string; ending: Ending | null }>(
    `SELECT hotkey, ending FROM ${name(submissions)} WHERE submission_id = ?`,
  );
  const end = db.prepare(`UPDATE ${name(submissions)} SET ending = ? WHERE submission_id = ?`);
  // A completed submission may still be rejected after an audit: it then counts as that alone.
  const count = db.prepare(
    `UPDATE ${name(miners)} SET completed = completed + (@to IS 'completed') - (@from IS 'completed'),
       failed = failed + (@to IS 'failed') - (@from IS 'failed'),
       rejected = rejected + (@to IS 'rejected') - (@from IS 'rejected')
     WHERE hotkey = @hotkey`,
  );
  return (projected) => {
    const event = submissionEventOf(projected);
    if (event === null) return;
    if (event.type === 'SubmissionReceived') {
      const { submissionId, hotkey, receivedAt } = event.data;
      insertSubmission.run(submissionId, hotkey);
      countReceipt.run(hotkey, receivedAt, receivedAt);
      return;
    }
    const ending = endingOf(event);
    if (ending === null) return;
    const id = submissionIdOf(projected.stream);
    const known = select.get(id);
    if (known === undefined) return;
    end.run(ending, id);
    count.run({ hotkey: known.hotkey, from: known.ending, to: ending });
  };
}

export const minersProjection: Projection = {
  name: miners,
  schema: 1,
  streams: [submissionStreamPrefix],
  tables: [miners, submissions],
  createSql,
  prepareFold,
};

export type MinerView = {
  readonly hotkey: string;
  readonly submissions: number;
  readonly completed: number;
  readonly failed: number;
  readonly rejected: number;
  readonly firstReceivedAt: string;
  readonly lastReceivedAt: string;
};

export type MinerQueries = { byHotkey(hotkey: string): MinerView | null };

export function minerQueries(db: ProjectionDatabase): MinerQueries {
  const read = liveReader(db, minersProjection, (name) => ({
    byHotkey: db.prepare<[string], MinerView>(
      `SELECT hotkey, submissions, completed, failed, rejected, first_received_at AS firstReceivedAt,
         last_received_at AS lastReceivedAt FROM ${name(miners)} WHERE hotkey = ?`,
    ),
  }));
  return { byHotkey: (hotkey) => read(({ byHotkey }) => byHotkey.get(hotkey)) ?? null };
}
