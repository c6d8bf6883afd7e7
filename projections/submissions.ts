import { submissionStreamPrefix } from '../domain/submission/events.ts';
import { liveReader } from './live-reader.ts';
import type { Fold, ProjectedEvent, Projection, TableNames } from './projection.ts';
import type { ProjectionDatabase } from './projection-database.ts';
import { type Columns, type ColumnValue, columnsAfter, type Known, standsApart } from './submission-columns.ts';
import { submissionEventOf, submissionIdOf } from './submission-event.ts';
import { type StatusProgress, statusAfter } from './submission-status.ts';
import { type SubmissionRow, type SubmissionView, toSubmissionView } from './submission-view.ts';

/** One row a submission: everything that its page shows. */
const table = 'submissions';

function createSql(name: TableNames): string {
  return `CREATE TABLE ${name(table)} (
    submission_id TEXT PRIMARY KEY,
    hotkey TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    filename TEXT NOT NULL,
    code_hash TEXT NOT NULL,
    received_at TEXT NOT NULL,
    policy_version INTEGER NOT NULL,
    status TEXT NOT NULL,
    parked_status TEXT,
    expired_holds INTEGER NOT NULL DEFAULT 0,
    gate TEXT,
    deferrals INTEGER,
    retry_at TEXT,
    reason_code TEXT,
    reason_message TEXT,
    reason_where TEXT,
    findings TEXT,
    hold_id TEXT,
    hold_source TEXT,
    hold_is_asked INTEGER,
    hold_reason TEXT,
    hold_expires_at TEXT,
    score_run TEXT,
    run TEXT,
    run_purpose TEXT,
    attempt INTEGER,
    attempt_state TEXT,
    device_class TEXT,
    slot TEXT,
    deadline_at TEXT,
    attempts INTEGER NOT NULL DEFAULT 0,
    record_sha256 TEXT,
    cuts_sha256 TEXT,
    manifest_sha256 TEXT,
    state_sha256 TEXT,
    seed_audit TEXT,
    rerun_verdict TEXT,
    covered_bytes INTEGER,
    stream_bytes INTEGER,
    bits_per_byte REAL,
    standard_error_bpb REAL,
    blind_bpb REAL,
    blind_standard_error_bpb REAL,
    confirmation TEXT,
    counted_bpb REAL,
    undetected_bpb REAL,
    baseline_bpb REAL,
    source_bpb REAL,
    charged_bpb REAL,
    base REAL,
    held_out TEXT,
    held_out_bpb REAL,
    delta_bpb REAL,
    delta_standard_error_bpb REAL,
    gap_bpb REAL,
    gap_standard_error_bpb REAL,
    penalty REAL,
    tie_break REAL,
    multiplier REAL,
    final_score REAL,
    implausible INTEGER,
    voided INTEGER NOT NULL DEFAULT 0,
    position INTEGER NOT NULL,
    updated_at TEXT NOT NULL
  ) STRICT;
  CREATE INDEX ${name(table)}_deferred ON ${name(table)} (gate, reason_code, retry_at)
    WHERE deferrals IS NOT NULL AND status = 'pending';`;
}

function prepareFold(db: ProjectionDatabase, name: TableNames): Fold {
  const select = db.prepare<[string], Known>(
    `SELECT status, parked_status AS parked, expired_holds AS expiredHolds, attempts, score_run AS scoreRun,
       gate, hold_is_asked AS holdIsAsked
     FROM ${name(table)} WHERE submission_id = ?`,
  );
  const write = columnWriter(db, name(table));
  return (projected) => {
    const event = submissionEventOf(projected);
    if (event === null) return;
    const id = submissionIdOf(projected.stream);
    if (standsApart(event)) {
      write.update(id, { ...columnsAfter(event, null), ...placeColumns(projected) });
      return;
    }
    const known = event.type === 'SubmissionReceived' ? null : (select.get(id) ?? null);
    const progress = statusAfter(known, event);
    if (progress === null) return;
    const columns = { ...statusColumns(progress), ...columnsAfter(event, known), ...placeColumns(projected) };
    if (event.type === 'SubmissionReceived') write.insert({ submission_id: id, ...columns });
    else write.update(id, columns);
  };
}

/** Statements are made of column names of this file alone, and kept by them: one shape a kind of event. */
function columnWriter(db: ProjectionDatabase, tableName: string) {
  const kept = new Map<string, ReturnType<typeof db.prepare<ColumnValue[]>>>();
  function statement(sql: string) {
    const known = kept.get(sql) ?? db.prepare<ColumnValue[]>(sql);
    kept.set(sql, known);
    return known;
  }
  return {
    insert(columns: Columns): void {
      const names = Object.keys(columns);
      const sql = `INSERT INTO ${tableName} (${names.join(', ')}) VALUES (${names.map(() => '?').join(', ')})`;
      statement(sql).run(...Object.values(columns));
    },
    update(id: string, columns: Columns): void {
      const sql = `UPDATE ${tableName} SET ${Object.keys(columns).join(' = ?, ')} = ? WHERE submission_id = ?`;
      statement(sql).run(...Object.values(columns), id);
    },
  };
}

function statusColumns({ status, parked, expiredHolds }: StatusProgress): Columns {
  return { status, parked_status: parked, expired_holds: expiredHolds };
}

function placeColumns({ position, recordedAt }: ProjectedEvent): Columns {
  return { position, updated_at: recordedAt };
}

export const submissionsProjection: Projection = {
  name: table,
  schema: 4,
  streams: [submissionStreamPrefix],
  tables: [table],
  createSql,
  prepareFold,
};

/** Reads of the live `submissions`. */
export type SubmissionQueries = {
  byId(submissionId: string): SubmissionView | null;
  /** Gates that couldn't answer, why, and what waits for them. */
  deferredGates(): readonly DeferredGate[];
};

/** `retryAt`: when the first of the waiting submissions asks again. */
export type DeferredGate = {
  readonly gate: string;
  readonly reason: string;
  readonly submissions: number;
  readonly retryAt: string;
};

export function submissionQueries(db: ProjectionDatabase): SubmissionQueries {
  const read = liveReader(db, submissionsProjection, (name) => ({
    byId: db.prepare<[string], SubmissionRow>(`SELECT * FROM ${name(table)} WHERE submission_id = ?`),
    deferred: db.prepare<[], DeferredGate>(
      `SELECT gate, reason_code AS reason, count(*) AS submissions, min(retry_at) AS retryAt FROM ${name(table)}
       WHERE deferrals IS NOT NULL AND status = 'pending' GROUP BY gate, reason_code ORDER BY gate, reason_code`,
    ),
  }));
  return {
    byId(submissionId) {
      const row = read(({ byId }) => byId.get(submissionId));
      return row === undefined ? null : toSubmissionView(row);
    },
    deferredGates: () => read(({ deferred }) => deferred.all()),
  };
}
