import type { DueWork } from '../domain/ports/due-work.ts';
import { type SlotEvent, type SlotEventData, slotEventSchemas, slotStreamPrefix } from '../domain/slot/events.ts';
import { liveReader } from './live-reader.ts';
import type { Fold, ProjectedEvent, Projection, TableNames } from './projection.ts';
import type { ProjectionDatabase } from './projection-database.ts';

/** `gpu_slots`: one row a slot with its lease of the moment. `gpu_leases`: every lease there ever was. */
const slots = 'gpu_slots';
const leases = 'gpu_leases';

function createSql(name: TableNames): string {
  return `
  CREATE TABLE ${name(slots)} (
    slot TEXT PRIMARY KEY,
    executor TEXT NOT NULL,
    device TEXT NOT NULL,
    device_class TEXT NOT NULL,
    cpuset TEXT NOT NULL,
    memory_bytes INTEGER NOT NULL,
    fencing_token INTEGER,
    deadline_at TEXT,
    quarantine TEXT
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE ${name(leases)} (
    slot TEXT NOT NULL,
    fencing_token INTEGER NOT NULL,
    submission_id TEXT NOT NULL,
    run TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    granted_at TEXT NOT NULL,
    deadline_at TEXT NOT NULL,
    ended_at TEXT,
    ending TEXT CHECK (ending IN ('released', 'expired')),
    reason TEXT,
    PRIMARY KEY (slot, fencing_token)
  ) STRICT, WITHOUT ROWID;`;
}

function isSlotEvent(event: ProjectedEvent['event']): event is SlotEvent {
  return Object.hasOwn(slotEventSchemas, event.type);
}

function prepareFold(db: ProjectionDatabase, name: TableNames): Fold {
  const tables = writers(db, name);
  return ({ event, stream, recordedAt }) => {
    if (!isSlotEvent(event)) return;
    switch (event.type) {
      case 'SlotRegistered':
        tables.register(stream, event.data);
        break;
      case 'LeaseGranted':
        tables.grant(stream, event.data, recordedAt);
        break;
      case 'LeaseReleased':
        tables.end(stream, event.data.fencingToken, 'released', event.data.reason, recordedAt);
        break;
      case 'LeaseExpired':
        tables.end(stream, event.data.fencingToken, 'expired', null, recordedAt);
        break;
      case 'SlotFaulted':
        break;
      case 'SlotQuarantined':
        tables.quarantine(stream, event.data.reason);
        break;
      case 'SlotRestored':
        tables.quarantine(stream, null);
        break;
    }
  };
}

function writers(db: ProjectionDatabase, name: TableNames) {
  const register = db.prepare(
    `INSERT INTO ${name(slots)} (slot, executor, device, device_class, cpuset, memory_bytes) VALUES (?, ?, ?, ?, ?, ?)
     ON CONFLICT (slot) DO UPDATE SET device_class = excluded.device_class, cpuset = excluded.cpuset,
       memory_bytes = excluded.memory_bytes`,
  );
  const occupy = db.prepare(`UPDATE ${name(slots)} SET fencing_token = ?, deadline_at = ? WHERE slot = ?`);
  const insertLease = db.prepare(
    `INSERT INTO ${name(leases)} (slot, fencing_token, submission_id, run, attempt, granted_at, deadline_at)
     VALUES (?, ?, ?, ?, ?, ?, ?)`,
  );
  const endLease = db.prepare(
    `UPDATE ${name(leases)} SET ended_at = ?, ending = ?, reason = ? WHERE slot = ? AND fencing_token = ?`,
  );
  const quarantine = db.prepare(`UPDATE ${name(slots)} SET quarantine = ? WHERE slot = ?`);
  return {
    register(slot: string, data: SlotEventData<'SlotRegistered'>): void {
      register.run(slot, data.executor, data.device, data.deviceClass, data.cpuset, data.memoryBytes);
    },
    grant(slot: string, data: SlotEventData<'LeaseGranted'>, at: string): void {
      const { fencingToken, submissionId, run, attempt, deadlineAt } = data;
      insertLease.run(slot, fencingToken, submissionId, run, attempt, at, deadlineAt);
      occupy.run(fencingToken, deadlineAt, slot);
    },
    end(slot: string, fencingToken: number, ending: 'released' | 'expired', reason: string | null, at: string): void {
      endLease.run(at, ending, reason, slot, fencingToken);
      occupy.run(null, null, slot);
    },
    quarantine: (slot: string, reason: string | null) => void quarantine.run(reason, slot),
  };
}

export const gpuLeasesProjection: Projection = {
  name: leases,
  schema: 1,
  streams: [slotStreamPrefix],
  tables: [slots, leases],
  createSql,
  prepareFold,
};

export type SlotView = {
  readonly slot: string;
  readonly executor: string;
  readonly device: string;
  readonly deviceClass: 'cpu' | 'gpu';
  readonly cpuset: string;
  readonly memoryBytes: number;
  readonly quarantine: string | null;
  /** The lease of the moment; all of it is null on a free slot. */
  readonly submissionId: string | null;
  readonly run: string | null;
  readonly attempt: number | null;
  readonly grantedAt: string | null;
  readonly deadlineAt: string | null;
};

export type SlotQueries = Pick<DueWork, 'freeSlots' | 'openSlots' | 'expiredLeases'> & { slots(): readonly SlotView[] };

export function slotQueries(db: ProjectionDatabase): SlotQueries {
  const read = liveReader(db, gpuLeasesProjection, (name) => ({
    all: db.prepare<[], SlotView>(
      `SELECT s.slot, s.executor, s.device, s.device_class AS deviceClass, s.cpuset, s.memory_bytes AS memoryBytes,
         s.quarantine, l.submission_id AS submissionId, l.run, l.attempt, l.granted_at AS grantedAt,
         l.deadline_at AS deadlineAt
       FROM ${name(slots)} s
       LEFT JOIN ${name(leases)} l ON l.slot = s.slot AND l.fencing_token = s.fencing_token
       ORDER BY s.slot`,
    ),
    free: db.prepare<[], ReturnType<DueWork['freeSlots']>[number]>(
      `SELECT executor, device, device_class AS deviceClass FROM ${name(slots)}
       WHERE fencing_token IS NULL AND quarantine IS NULL ORDER BY slot`,
    ),
    open: db.prepare<[], ReturnType<DueWork['openSlots']>[number]>(
      `SELECT executor, device, device_class AS deviceClass FROM ${name(slots)} WHERE quarantine IS NULL ORDER BY slot`,
    ),
    expired: db.prepare<[string], ReturnType<DueWork['expiredLeases']>[number]>(
      `SELECT executor, device, fencing_token AS fencingToken FROM ${name(slots)} WHERE deadline_at <= ? ORDER BY slot`,
    ),
  }));
  return {
    slots: () => read(({ all }) => all.all()),
    freeSlots: () => read(({ free }) => free.all()),
    openSlots: () => read(({ open }) => open.all()),
    expiredLeases: (now) => read(({ expired }) => expired.all(now)),
  };
}
