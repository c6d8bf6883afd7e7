import { createHash } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import { Registry } from 'prom-client';
import { commandHandler } from '../../domain/handle-command.ts';
import type { ActivePolicy } from '../../domain/policy/policy.ts';
import type { EventLog } from '../../domain/ports/event-log.ts';
import type { Heartbeat } from '../../domain/ports/heartbeats.ts';
import { slotAggregate } from '../../domain/slot/slot.ts';
import { submissionAggregate } from '../../domain/submission/decide.ts';
import type { ReportedFault } from '../../http/answer-problems.ts';
import { createApp } from '../../http/app.ts';
import type { ArchiveReading } from '../../http/receive-bundle.ts';
import { permits } from '../../machines/submission-machine.ts';
import { projections } from '../../projections/catalog.ts';
import { dueSubmissionQueries } from '../../projections/due-submissions.ts';
import { ensureLive } from '../../projections/ensure-live.ts';
import { epochQueries } from '../../projections/epochs.ts';
import { evalJobQueries } from '../../projections/eval-jobs.ts';
import { slotQueries } from '../../projections/gpu-leases.ts';
import { holdQueries } from '../../projections/holds.ts';
import { llmReviewQueries } from '../../projections/llm-reviews.ts';
import { plagiarismReviewQueries } from '../../projections/plagiarism-reviews.ts';
import { projectionStatuses } from '../../projections/projection-status.ts';
import { startProjector } from '../../projections/projector.ts';
import { readYourWrites } from '../../projections/read-your-writes.ts';
import { scoreQueries } from '../../projections/scores.ts';
import { sourceQueries } from '../../projections/submission-sources.ts';
import { submissionQueries } from '../../projections/submissions.ts';
import { memoryBlobs } from '../../storage/memory-blobs.ts';
import { memoryEventLog } from '../../storage/memory-event-log.ts';
import { activePolicy, instant } from '../domain/submission-examples.ts';
import { temporaryDatabase } from '../projections/fixtures.ts';

export const token = 'a shared token of the tests'.replaceAll(' ', '-');
export const hotkey = '5HotkeyOfAlice';

export type Overrides = {
  readonly sharedToken?: string | null;
  readonly policy?: ActivePolicy;
  /** Puts something between the app and the log. */
  readonly logFor?: (log: EventLog) => EventLog;
  /** How long `?wait=projected` waits. */
  readonly patienceMs?: number;
  /** Whether there are read models from the start. */
  readonly isBuilt?: boolean;
  /** What the log says of writes. */
  readonly writeFault?: string | null;
};

/** The app on a real server and a memory log, with read models that follow. */
export async function startApp({
  sharedToken = token,
  policy = activePolicy(),
  logFor = (log) => log,
  patienceMs = 5_000,
  isBuilt = true,
  writeFault = null,
}: Overrides = {}) {
  const stored = new Map<string, Uint8Array>();
  const log = logFor(memoryEventLog(({ sha256, bytes }) => stored.set(sha256, bytes)));
  const file = temporaryDatabase();
  const { db } = file;
  const build = () => ensureLive({ db, log, projections });
  if (isBuilt) await build();
  const faults: ReportedFault[] = [];
  const projector = startProjector({ db, log, projections, onFault: () => {} });
  const beats: Heartbeat[] = [];
  const now = new Date(instant(0));
  const clock = { now };
  let ids = 0;
  const newId = () => `id-${++ids}`;
  const policyNow = async () => policy;
  const commands = commandHandler(log, submissionAggregate, permits);
  const caughtUp = async () => projector.waitFor(await log.head(), 5_000);
  const registry = new Registry();
  const app = createApp({
    sharedToken,
    newId,
    reportFault: (fault) => faults.push(fault),
    health: {
      slug: 'prism',
      version: '0.1.0',
      head: () => log.head(),
      writeFault: async () => writeFault,
      projectionStatuses: projectionStatuses(db, projections),
      projectionNames: projections.map(({ name }) => name),
      slots: slotQueries(db).slots,
      deferredGates: submissionQueries(db).deferredGates,
    },
    version: { apiVersion: 'v1', challengeVersion: '0.1.0', sdkVersion: '0.1.0', capabilities: ['bridge'] },
    metrics: registry,
    waiting: { projected: readYourWrites(db, projector, patienceMs), head: () => log.head() },
    receive: {
      readArchive: fakeIntake,
      commands,
      blobs: memoryBlobs(stored),
      policy: policyNow,
      now: () => clock.now,
      newId,
    },
    submission: {
      submissions: submissionQueries(db),
      queue: dueSubmissionQueries(db),
      heartbeats: { newest: (id) => beats.find(({ submissionId }) => submissionId === id) ?? null },
      caughtUp,
    },
    events: { log },
    board: { slug: 'prism', scores: scoreQueries(db), policy: policyNow, now: () => clock.now },
    epochs: { epochs: epochQueries(db), policy: policyNow, now: () => clock.now },
    holds: {
      ...{ holds: holdQueries(db), submissions: submissionQueries(db), blobs: memoryBlobs(stored) },
      ...{ reviews: llmReviewQueries(db), sources: sourceQueries(db), comparisons: plagiarismReviewQueries(db) },
      ...{ caughtUp, commands, now: () => clock.now, newId },
    },
    work: { evalJobs: evalJobQueries(db), slots: slotQueries(db) },
    slots: { commands: commandHandler(log, slotAggregate), now: () => clock.now, newId },
  });
  const server = createServer(app.callback());
  const url = await listen(server);
  return {
    url,
    log,
    stored,
    faults,
    beats,
    clock,
    build,
    registry,
    projected: async () => projector.waitFor(await log.head(), 5_000),
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await projector.close();
      file.dispose();
    },
  };
}

export type RunningApp = Awaited<ReturnType<typeof startApp>>;

function listen(server: Server): Promise<string> {
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve(`http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`);
    });
  });
}

/** Takes what begins like a zip for one with a single file, and refuses the rest. */
async function fakeIntake(archive: Uint8Array): Promise<ArchiveReading> {
  if (Buffer.from(archive).subarray(0, 2).toString() !== 'PK') {
    return { kind: 'refused', rule: 'prism:zip-not-a-zip', entry: 'training.py', detail: 'It is no zip.' };
  }
  const codeHash = createHash('sha256').update(archive).digest('hex');
  return { kind: 'accepted', files: [{}, {}], codeHash, contentBytes: archive.byteLength };
}

/** Something that the fake intake takes for a bundle. */
export function bundle(name = 'one', bytes = 100): Buffer {
  return Buffer.concat([Buffer.from(`PK${name}`)], bytes);
}

export const bridgeHeaders = {
  Authorization: `Bearer ${token}`,
  'Content-Type': 'application/zip',
  'X-Platform-Verified-Hotkey': hotkey,
  'X-Submission-Filename': 'alice.zip',
};

export async function post(
  app: RunningApp,
  body: string | Uint8Array | ReadableStream,
  headers: Readonly<Record<string, string | null>> = {},
  query = '',
) {
  const given = new Headers();
  for (const [name, value] of Object.entries({ ...bridgeHeaders, ...headers }))
    if (value !== null) given.set(name, value);
  const init = { method: 'POST', body, headers: given, duplex: 'half' } as const;
  return answerOf(await fetch(`${app.url}/internal/v1/bridge/submissions${query}`, init));
}

export async function get(app: RunningApp, path: string, headers: Readonly<Record<string, string>> = {}) {
  return answerOf(await fetch(`${app.url}${path}`, { headers }));
}

// biome-ignore lint/suspicious/noExplicitAny: answers are JSON, and each test looks at its own
export type Answer = { readonly status: number; readonly headers: Headers; readonly body: any };

async function answerOf(response: Response): Promise<Answer> {
  return { status: response.status, headers: response.headers, body: await response.json() };
}
