import {
  type HoldSource,
  type SubmissionEvent,
  type SubmissionEventData,
  submissionStreamPrefix,
} from '../domain/submission/events.ts';
import { liveReader } from './live-reader.ts';
import type { Fold, ProjectedEvent, Projection, TableNames } from './projection.ts';
import type { ProjectionDatabase } from './projection-database.ts';
import { submissionEventOf, submissionIdOf } from './submission-event.ts';

/** One row a hold, open or ended: what operators decide, and what they have decided. */
const table = 'holds';

export const holdStates = ['open', 'released', 'rejected', 'expired'] as const;
export type HoldState = (typeof holdStates)[number];

function createSql(name: TableNames): string {
  return `
  CREATE TABLE ${name(table)} (
    submission_id TEXT NOT NULL,
    hold_id TEXT NOT NULL,
    source TEXT NOT NULL,
    reason TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('open', 'released', 'rejected', 'expired')),
    held_at TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    operator TEXT,
    decision_reason TEXT,
    ended_at TEXT,
    position INTEGER NOT NULL,
    PRIMARY KEY (submission_id, hold_id)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX ${name(table)}_by_id ON ${name(table)} (hold_id);
  CREATE INDEX ${name(table)}_open ON ${name(table)} (position) WHERE state = 'open';
  CREATE INDEX ${name(table)}_by_position ON ${name(table)} (position);`;
}

function prepareFold(db: ProjectionDatabase, name: TableNames): Fold {
  const open = db.prepare(
    `INSERT INTO ${name(table)} (submission_id, hold_id, source, reason, state, held_at, expires_at, position)
     VALUES (?, ?, ?, ?, 'open', ?, ?, ?)
     ON CONFLICT (submission_id, hold_id) DO UPDATE SET source = excluded.source, reason = excluded.reason,
       state = 'open', held_at = excluded.held_at, expires_at = excluded.expires_at, operator = NULL,
       decision_reason = NULL, ended_at = NULL, position = excluded.position`,
  );
  const end = db.prepare(
    `UPDATE ${name(table)} SET state = ?, operator = ?, decision_reason = ?, ended_at = ?
     WHERE submission_id = ? AND hold_id = ?`,
  );
  return (projected) => {
    const event = submissionEventOf(projected);
    if (event === null) return;
    const id = submissionIdOf(projected.stream);
    if (event.type === 'SubmissionHeld') {
      const { holdId, source, reason, expiresAt } = event.data;
      open.run(id, holdId, source, reason, projected.recordedAt, expiresAt, projected.position);
      return;
    }
    const ending = endingOf(event, projected);
    if (ending !== null) end.run(ending.state, ending.operator, ending.reason, ending.at, id, ending.holdId);
  };
}

type Ending = {
  readonly holdId: string;
  readonly state: HoldState;
  readonly operator: string | null;
  readonly reason: string | null;
  readonly at: string;
};

function endingOf(event: SubmissionEvent, { recordedAt: at }: ProjectedEvent): Ending | null {
  if (event.type === 'HoldResolved') {
    const { holdId, operator, reason } = event.data;
    return { holdId, state: stateAfter(event.data), operator, reason, at };
  }
  if (event.type !== 'HoldExpired') return null;
  return { holdId: event.data.holdId, state: 'expired', operator: null, reason: null, at };
}

function stateAfter({ resolution }: SubmissionEventData<'HoldResolved'>): HoldState {
  return resolution === 'release' ? 'released' : 'rejected';
}

export const holdsProjection: Projection = {
  name: table,
  schema: 1,
  streams: [submissionStreamPrefix],
  tables: [table],
  createSql,
  prepareFold,
};

/** Times are ISO 8601 UTC; `position` is where the log holds it. */
export type HoldView = {
  readonly id: string;
  readonly submissionId: string;
  readonly source: HoldSource;
  readonly reason: string;
  readonly state: HoldState;
  readonly heldAt: string;
  readonly expiresAt: string;
  /** Who decided it and why; null while it is open, and where it expired. */
  readonly operator: string | null;
  readonly decisionReason: string | null;
  readonly endedAt: string | null;
  readonly position: number;
};

export type HoldQueries = {
  /** Holds behind a position, oldest first. */
  holds(which: 'open' | 'all', afterPosition: number, limit: number): readonly HoldView[];
  /** The newest hold of that id. */
  byId(holdId: string): HoldView | null;
};

const columns = `hold_id AS id, submission_id AS submissionId, source, reason, state, held_at AS heldAt,
  expires_at AS expiresAt, operator, decision_reason AS decisionReason, ended_at AS endedAt, position`;

export function holdQueries(db: ProjectionDatabase): HoldQueries {
  const read = liveReader(db, holdsProjection, (name) => ({
    open: db.prepare<[number, number], HoldView>(
      `SELECT ${columns} FROM ${name(table)} WHERE state = 'open' AND position > ? ORDER BY position LIMIT ?`,
    ),
    all: db.prepare<[number, number], HoldView>(
      `SELECT ${columns} FROM ${name(table)} WHERE position > ? ORDER BY position LIMIT ?`,
    ),
    byId: db.prepare<[string], HoldView>(
      `SELECT ${columns} FROM ${name(table)} WHERE hold_id = ? ORDER BY position DESC LIMIT 1`,
    ),
  }));
  return {
    holds: (which, after, limit) => read((statements) => statements[which].all(after, limit)),
    byId: (holdId) => read(({ byId }) => byId.get(holdId)) ?? null,
  };
}
