import type { DueWork } from '../domain/ports/due-work.ts';
import { type SlotEvent, slotEventSchemas, slotStreamPrefix } from '../domain/slot/events.ts';
import { type SubmissionEvent, submissionStreamPrefix } from '../domain/submission/events.ts';
import { slotQueries } from './gpu-leases.ts';
import { liveReader } from './live-reader.ts';
import type { Fold, ProjectedEvent, Projection, TableNames } from './projection.ts';
import type { ProjectionDatabase } from './projection-database.ts';
import { submissionEventOf, submissionIdOf } from './submission-event.ts';

/**
 * Where a process manager should look. `due_submissions` has a row for everything that hasn't ended badly, with the time from
 * which something is due in it (null: nothing is); `due_runs` a row for every run that isn't concluded.
 *
 * It is a hint, but not a careless one: a submission that is listed with nothing to do would be looked at for ever
 * and, under a limit, keep others from being looked at.
 */
const submissions = 'due_submissions';
const runs = 'due_runs';

/** Sorts before every instant: due at any time. */
const immediately = '';

function createSql(name: TableNames): string {
  return `
  CREATE TABLE ${name(submissions)} (
    submission_id TEXT PRIMARY KEY,
    received_position INTEGER NOT NULL,
    due_at TEXT,
    is_held INTEGER NOT NULL DEFAULT 0,
    parked_due_at TEXT,
    is_completed INTEGER NOT NULL DEFAULT 0
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX ${name(submissions)}_by_due ON ${name(submissions)} (due_at) WHERE due_at IS NOT NULL;
  CREATE TABLE ${name(runs)} (
    submission_id TEXT NOT NULL,
    run TEXT NOT NULL,
    requested_position INTEGER NOT NULL,
    is_waiting INTEGER NOT NULL DEFAULT 1,
    leased_slot TEXT,
    deadline_at TEXT,
    PRIMARY KEY (submission_id, run)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX ${name(runs)}_waiting ON ${name(runs)} (requested_position) WHERE is_waiting = 1;
  CREATE INDEX ${name(runs)}_by_slot ON ${name(runs)} (leased_slot) WHERE leased_slot IS NOT NULL;
  CREATE INDEX ${name(runs)}_by_deadline ON ${name(runs)} (deadline_at) WHERE deadline_at IS NOT NULL;`;
}

function prepareFold(db: ProjectionDatabase, name: TableNames): Fold {
  const foldSubmission = submissionFold(submissionWriters(db, name), runWriters(db, name));
  const foldSlot = slotFold(runWriters(db, name));
  return (projected) => {
    const event = submissionEventOf(projected);
    if (event !== null) foldSubmission(event, submissionIdOf(projected.stream), projected.position);
    else if (isSlotEvent(projected.event)) foldSlot(projected.event, projected.stream);
  };
}

function isSlotEvent(event: ProjectedEvent['event']): event is SlotEvent {
  return Object.hasOwn(slotEventSchemas, event.type);
}

type SubmissionWriters = ReturnType<typeof submissionWriters>;
type RunWriters = ReturnType<typeof runWriters>;

function submissionWriters(db: ProjectionDatabase, name: TableNames) {
  const insert = db.prepare(
    `INSERT INTO ${name(submissions)} (submission_id, received_position, due_at) VALUES (?, ?, ?)`,
  );
  const setDue = db.prepare(`UPDATE ${name(submissions)} SET due_at = ? WHERE submission_id = ? AND due_at IS NOT ?`);
  const hold = db.prepare(
    `UPDATE ${name(submissions)} SET is_held = 1, parked_due_at = due_at, due_at = ? WHERE submission_id = ?`,
  );
  // What was put off by an outage of ours needn't wait any longer once an operator has answered.
  const release = db.prepare(
    `UPDATE ${name(submissions)} SET is_held = 0, parked_due_at = NULL,
       due_at = CASE WHEN parked_due_at IS NULL THEN NULL ELSE '${immediately}' END WHERE submission_id = ?`,
  );
  const complete = db.prepare(
    `UPDATE ${name(submissions)} SET due_at = NULL, is_completed = 1 WHERE submission_id = ?`,
  );
  const remove = db.prepare(`DELETE FROM ${name(submissions)} WHERE submission_id = ?`);
  const makeDueToConclude = db.prepare(
    `UPDATE ${name(submissions)} SET due_at = '${immediately}' WHERE submission_id = @id AND is_completed = 0
       AND NOT EXISTS (SELECT 1 FROM ${name(runs)} WHERE submission_id = @id)`,
  );
  return {
    receive: (id: string, position: number) => void insert.run(id, position, immediately),
    due: (id: string, at: string | null) => void setDue.run(at, id, at),
    hold: (id: string, until: string) => void hold.run(until, id),
    release: (id: string) => void release.run(id),
    complete: (id: string) => void complete.run(id),
    remove: (id: string) => void remove.run(id),
    dueIfAllRunsEnded: (id: string) => void makeDueToConclude.run({ id }),
  };
}

function runWriters(db: ProjectionDatabase, name: TableNames) {
  const insert = db.prepare(`INSERT INTO ${name(runs)} (submission_id, run, requested_position) VALUES (?, ?, ?)`);
  const wait = db.prepare(
    `UPDATE ${name(runs)} SET is_waiting = 1, deadline_at = NULL WHERE submission_id = ? AND run = ?`,
  );
  const attempt = db.prepare(
    `UPDATE ${name(runs)} SET is_waiting = 0, deadline_at = ? WHERE submission_id = ? AND run = ?`,
  );
  const lease = db.prepare(`UPDATE ${name(runs)} SET leased_slot = ? WHERE submission_id = ? AND run = ?`);
  const free = db.prepare(`UPDATE ${name(runs)} SET leased_slot = NULL WHERE leased_slot = ?`);
  const remove = db.prepare(`DELETE FROM ${name(runs)} WHERE submission_id = ? AND run = ?`);
  const removeAll = db.prepare(`DELETE FROM ${name(runs)} WHERE submission_id = ?`);
  return {
    request: (id: string, run: string, position: number) => void insert.run(id, run, position),
    wait: (id: string, run: string) => void wait.run(id, run),
    attempt: (id: string, run: string, deadline: string) => void attempt.run(deadline, id, run),
    lease: (id: string, run: string, slot: string) => void lease.run(slot, id, run),
    free: (slot: string) => void free.run(slot),
    remove: (id: string, run: string) => void remove.run(id, run),
    removeAll: (id: string) => void removeAll.run(id),
  };
}

function submissionFold(due: SubmissionWriters, open: RunWriters) {
  return (event: SubmissionEvent, id: string, position: number): void => {
    switch (event.type) {
      case 'SubmissionReceived':
        due.receive(id, position);
        break;
      case 'ContractResolved':
      case 'GatePassed':
      case 'GateSkipped':
        due.due(id, immediately);
        break;
      case 'GateDeferred':
        due.due(id, event.data.retryAt);
        break;
      case 'RunRequested':
        open.request(id, event.data.run, position);
        due.due(id, null);
        break;
      case 'AttemptStarted':
        open.attempt(id, event.data.run, event.data.deadlineAt);
        break;
      case 'AttemptAborted':
      case 'AttemptCancelled':
        open.wait(id, event.data.run);
        break;
      case 'RunConcluded':
        open.remove(id, event.data.run);
        due.dueIfAllRunsEnded(id);
        break;
      case 'SubmissionHeld':
        due.hold(id, event.data.expiresAt);
        break;
      case 'HoldResolved':
      case 'HoldExpired':
        due.release(id);
        break;
      case 'SubmissionCompleted':
        due.complete(id);
        break;
      case 'SubmissionFailed':
      case 'SubmissionRejected':
        open.removeAll(id);
        due.remove(id);
        break;
      default:
        break;
    }
  };
}

/** A run that has a lease isn't offered a second slot while its executor gets ready to start it. */
function slotFold(open: RunWriters) {
  return (event: SlotEvent, slot: string): void => {
    if (event.type === 'LeaseGranted') open.lease(event.data.submissionId, event.data.run, slot);
    if (event.type === 'LeaseReleased' || event.type === 'LeaseExpired') open.free(slot);
  };
}

export const dueSubmissionsProjection: Projection = {
  name: submissions,
  schema: 1,
  streams: [submissionStreamPrefix, slotStreamPrefix],
  tables: [submissions, runs],
  createSql,
  prepareFold,
};

type WaitingRun = ReturnType<DueWork['waitingRuns']>[number];

const waitingSql = (name: TableNames) => `
  FROM ${name(runs)} r JOIN ${name(submissions)} s ON s.submission_id = r.submission_id
  WHERE r.is_waiting = 1 AND r.leased_slot IS NULL AND s.is_held = 0`;

export type QueueQueries = {
  /** How many waiting runs stand before this submission's first, plus one; null when none of its runs waits. */
  placeInQueue(submissionId: string): number | null;
};

export function dueSubmissionQueries(
  db: ProjectionDatabase,
): Pick<DueWork, 'submissions' | 'waitingRuns'> & QueueQueries {
  const read = liveReader(db, dueSubmissionsProjection, (name) => ({
    due: db.prepare<{ now: string; limit: number }, { submissionId: string }>(
      `SELECT submission_id AS submissionId, received_position FROM ${name(submissions)} WHERE due_at <= @now
       UNION
       SELECT r.submission_id, s.received_position FROM ${name(runs)} r
         JOIN ${name(submissions)} s ON s.submission_id = r.submission_id WHERE r.deadline_at <= @now
       ORDER BY received_position LIMIT @limit`,
    ),
    waiting: db.prepare<[number], WaitingRun>(
      `SELECT r.submission_id AS submissionId, r.run ${waitingSql(name)} ORDER BY r.requested_position LIMIT ?`,
    ),
    first: db.prepare<[string], { requestedPosition: number | null }>(
      `SELECT min(r.requested_position) AS requestedPosition ${waitingSql(name)} AND r.submission_id = ?`,
    ),
    upTo: db.prepare<[number], { place: number }>(
      `SELECT count(*) AS place ${waitingSql(name)} AND r.requested_position <= ?`,
    ),
  }));
  return {
    submissions: (now, limit) => read(({ due }) => due.all({ now, limit })).map(({ submissionId }) => submissionId),
    waitingRuns: (limit) => read(({ waiting }) => waiting.all(limit)),
    placeInQueue: (submissionId) =>
      read(({ first, upTo }) => {
        const requested = first.get(submissionId)?.requestedPosition ?? null;
        return requested === null ? null : (upTo.get(requested)?.place ?? null);
      }),
  };
}

/** The port's reading, made of this read model and `gpu_leases`. */
export function projectedDueWork(db: ProjectionDatabase): DueWork {
  const due = dueSubmissionQueries(db);
  const slots = slotQueries(db);
  return {
    submissions: due.submissions,
    waitingRuns: due.waitingRuns,
    freeSlots: slots.freeSlots,
    openSlots: slots.openSlots,
    expiredLeases: slots.expiredLeases,
  };
}
