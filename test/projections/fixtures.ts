import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EventEnvelope, Fact } from '../../domain/event.ts';
import { newestVersion } from '../../domain/event-catalog.ts';
import { deriveId } from '../../domain/ids.ts';
import type { JsonObject } from '../../domain/json.ts';
import { policyStream } from '../../domain/policy/events.ts';
import type { EventLog } from '../../domain/ports/event-log.ts';
import type { SlotEvent } from '../../domain/slot/events.ts';
import { type SubmissionEvent, submissionStream } from '../../domain/submission/events.ts';
import { projections } from '../../projections/catalog.ts';
import { openProjectionDatabase } from '../../projections/database.ts';
import { type Projection, tableNames } from '../../projections/projection.ts';
import type { ProjectionDatabase } from '../../projections/projection-database.ts';
import { projectionVersions } from '../../projections/versions.ts';
import {
  activePolicy,
  attemptAborted,
  attemptFailed,
  attemptStarted,
  completed,
  fact,
  finding,
  held,
  instant,
  measurement,
  measuring,
  queued,
  type receipt,
  resolved,
  runRequested,
  scoreOf,
} from '../domain/submission-examples.ts';

/** Facts in the order in which the log holds them, each with its stream. */
export type Happened = readonly [stream: string, event: Fact];

let count = 0;

/** Appends facts, one append each; the event's time is its place, in seconds after the tests' midnight. */
export async function happen(log: EventLog, history: readonly Happened[]): Promise<number> {
  for (const [stream, event] of history) {
    count += 1;
    const head = await log.head();
    await log.append(stream, 'any', [envelope(`test ${count}`, stream, event, instant(head))]);
  }
  return log.head();
}

export function envelope(name: string, stream: string, event: Fact, recordedAt: string): EventEnvelope {
  return {
    id: deriveId('event', name, stream, 0),
    type: event.type,
    schemaVersion: newestVersion(event.type),
    stream,
    recordedAt,
    correlationId: stream,
    causationId: name,
    data: event.data as JsonObject,
  };
}

/** A file for read models that is gone after the test. */
export function temporaryDatabase(): { readonly path: string; readonly db: ProjectionDatabase; dispose(): void } {
  const folder = mkdtempSync(join(tmpdir(), 'prism-projections-'));
  const path = join(folder, 'projections.sqlite');
  const db = openProjectionDatabase(path);
  return {
    path,
    db,
    dispose() {
      db.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** The rows of a projection's live version, table by table, sorted. */
export function liveRows(db: ProjectionDatabase, projection: Projection): readonly (readonly string[])[] {
  const version = projectionVersions(db).live(projection)?.version ?? 0;
  return projection.tables.map((table) =>
    db
      .prepare(`SELECT * FROM ${tableNames(version)(table)}`)
      .all()
      .map((row) => JSON.stringify(row))
      .toSorted(),
  );
}

export function allLiveRows(db: ProjectionDatabase) {
  return Object.fromEntries(projections.map((projection) => [projection.name, liveRows(db, projection)]));
}

/** Names of all tables in the file that belong to versions of projections. */
export function versionedTables(db: ProjectionDatabase): readonly string[] {
  return db
    .prepare<[], { name: string }>(
      "SELECT name FROM sqlite_schema WHERE type = 'table' AND name GLOB '*_v[0-9]*' ORDER BY name",
    )
    .all()
    .map(({ name }) => name);
}

/** A submission's history as its own submission, received at a second and by a hotkey of the caller's choice. */
export function submissionOf(
  id: string,
  history: readonly SubmissionEvent[],
  received: Partial<typeof receipt> = {},
): readonly Happened[] {
  return history.map((event) => [
    submissionStream(id),
    event.type === 'SubmissionReceived'
      ? fact('SubmissionReceived', { ...event.data, submissionId: id, ...received })
      : event,
  ]);
}

/** The completed life with another score. */
export function completedWith(finalScore: number, deviceClass: 'cpu' | 'gpu' = 'cpu'): readonly SubmissionEvent[] {
  return completed.map((event) => {
    if (event.type === 'ScoreComputed') {
      return fact('ScoreComputed', { ...event.data, score: { ...event.data.score, finalScore } });
    }
    return event.type === 'SubmissionCompleted' ? fact('SubmissionCompleted', { finalScore, deviceClass }) : event;
  });
}

export const slotOf = (device: string): string => `slot-host-${device}`;

export function slotEvents(device: string, ...events: readonly SlotEvent[]): readonly Happened[] {
  return events.map((event) => [slotOf(device), event]);
}

export function slotRegistered(device: string, deviceClass: 'cpu' | 'gpu' = 'cpu'): SlotEvent {
  return {
    type: 'SlotRegistered',
    data: { executor: 'host', device, deviceClass, cpuset: '0', memoryBytes: 8_000_000_000 },
  };
}

export function leaseGranted(
  submissionId: string,
  run: string,
  fencingToken: number,
  deadlineAt = instant(2_000),
): SlotEvent {
  return { type: 'LeaseGranted', data: { submissionId, run, attempt: 1, fencingToken, deadlineAt } };
}

export const policyActivated: Happened = [
  policyStream,
  {
    type: 'PolicyActivated',
    data: { ...activePolicy(), operator: 'olga', reason: 'the first' },
  },
];

const gateFailed = fact('GateFailed', {
  gate: 'static',
  gateVersion: '1',
  findings: [finding],
  evidence: null,
  policyVersion: 1,
});
const rejected = fact('SubmissionRejected', { reason: 'gateFailed', gate: 'static', message: 'a rule was broken' });

/** Something of everything: lives that end in every way, slots, a policy. */
export const variedHistory: readonly Happened[] = [
  policyActivated,
  ...slotEvents('cpu0', slotRegistered('cpu0'), leaseGranted('one', 'score', 1)),
  ...submissionOf('one', completedWith(0.5), { hotkey: 'alice' }),
  ...slotEvents(
    'cpu0',
    { type: 'LeaseReleased', data: { fencingToken: 1, reason: 'done' } },
    leaseGranted('two', 'score', 2),
  ),
  ...submissionOf('two', [...measuring, attemptFailed('score', 1), failed('exception')], { hotkey: 'bob' }),
  ...slotEvents('cpu0', { type: 'LeaseExpired', data: { fencingToken: 2 } }),
  ...submissionOf(
    'three',
    [...queued.slice(0, 3), held('hold-1', 'operator'), resolved('hold-1', 'reject'), rejected],
    {
      hotkey: 'bob',
      epoch: 8,
    },
  ),
  ...submissionOf('four', [...completedWith(0.25), fact('ScoreVoided', { operator: 'olga', reason: 'copied' })]),
  ...submissionOf('five', [...completedWith(0.75), runRequested('again', 'rerun'), attemptStarted('again', 1)], {
    hotkey: 'carol',
  }),
  ...submissionOf('six', [...measuring, attemptAborted('score', 1), attemptStarted('score', 2)], { hotkey: 'dave' }),
  ...submissionOf('seven', [...queued.slice(0, 2), gateFailed, rejected], { hotkey: 'dave' }),
  ...submissionOf('eight', [...completedWith(0.6), held('hold-2', 'audit')], { hotkey: 'erin' }),
  ...submissionOf('nine', queued.slice(0, 1), { hotkey: 'erin' }),
];

function failed(reason: 'exception') {
  const place = { run: 'score', attempt: 1, where: 'training.py:7' };
  return fact('SubmissionFailed', { reason, ...place, message: 'ZeroDivisionError' });
}

export const exampleScore = scoreOf(measurement);
