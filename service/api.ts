import { randomUUID } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { collectDefaultMetrics } from 'prom-client';
import type { Config } from '../config.ts';
import { readArchive } from '../gates/intake.ts';
import { createApp } from '../http/app.ts';
import { registerServiceMetrics } from '../http/service-metrics.ts';
import { projections } from '../projections/catalog.ts';
import { dueSubmissionQueries } from '../projections/due-submissions.ts';
import { epochQueries } from '../projections/epochs.ts';
import { evalJobQueries } from '../projections/eval-jobs.ts';
import { slotQueries } from '../projections/gpu-leases.ts';
import { holdQueries } from '../projections/holds.ts';
import { llmReviewQueries } from '../projections/llm-reviews.ts';
import { plagiarismReviewQueries } from '../projections/plagiarism-reviews.ts';
import { projectionStatuses } from '../projections/projection-status.ts';
import { readYourWrites } from '../projections/read-your-writes.ts';
import { scoreQueries } from '../projections/scores.ts';
import { sourceQueries } from '../projections/submission-sources.ts';
import { submissionQueries } from '../projections/submissions.ts';
import { type Core, now, type Opened, projectionPatienceMs } from './core.ts';
import { programVersion } from './program-version.ts';

const slug = 'prism';
/** A health check is asked often, and its answer may be that the log didn't answer in time. */
const headPatienceMs = 2_000;

/** Answers HTTP; resolves to where. */
export async function startApi(config: Config, core: Core, logger: Logger, opened: Opened): Promise<string> {
  const { storage, policies, projector, readModels, registry } = core;
  const { log } = core.metered;
  const policy = policies.active;
  const scores = scoreQueries(readModels);
  const slots = slotQueries(readModels);
  const version = programVersion();
  const head = () => inTime(log.head(), headPatienceMs);
  const caughtUp = async () => projector.waitFor(await log.head(), projectionPatienceMs);
  const statuses = projectionStatuses(readModels, projections);
  const projected = readYourWrites(readModels, projector, projectionPatienceMs);
  collectDefaultMetrics({ register: registry });
  const { walBytes } = storage;
  const queries = submissionQueries(readModels);
  const { deferredGates } = queries;
  registerServiceMetrics(registry, {
    ...{ head, projectionStatuses: statuses, walBytes, uptimeSeconds: process.uptime, deferredGates },
    slots: slots.slots,
  });
  const app = createApp({
    sharedToken: config.sharedToken,
    newId: randomUUID,
    reportFault: ({ error, ...request }) => logger.error({ err: error, ...request }, 'a request met a fault'),
    health: {
      ...{ slug, version, head, projectionStatuses: statuses, projectionNames: projections.map(({ name }) => name) },
      writeFault: storage.writeFault,
      slots: slots.slots,
      deferredGates,
    },
    version: { apiVersion: 'v1', challengeVersion: version, sdkVersion: version, capabilities: ['bridge', 'weights'] },
    metrics: registry,
    waiting: { projected, head },
    receive: { readArchive, commands: core.submissions, blobs: storage.blobs, policy, now, newId: randomUUID },
    submission: {
      submissions: queries,
      queue: dueSubmissionQueries(readModels),
      heartbeats: core.heartbeats,
      caughtUp,
    },
    events: { log },
    board: { scores, slug, policy, now },
    epochs: { epochs: epochQueries(readModels), policy, now },
    holds: {
      ...{ holds: holdQueries(readModels), submissions: queries, blobs: storage.blobs },
      ...{ reviews: llmReviewQueries(readModels), sources: sourceQueries(readModels) },
      comparisons: plagiarismReviewQueries(readModels),
      ...{ caughtUp, commands: core.submissions, now, newId: randomUUID },
    },
    work: { evalJobs: evalJobQueries(readModels), slots },
    slots: { commands: core.slots, now, newId: randomUUID },
  });
  const server = createServer(app.callback());
  await listen(server, config);
  opened.push(() => closeServer(server));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : config.port;
  return `http://${config.host.includes(':') ? `[${config.host}]` : config.host}:${port}`;
}

/** What is late is given up; it may go on unheard. */
async function inTime<T>(work: Promise<T>, patienceMs: number): Promise<T> {
  const lapse = new AbortController();
  const late = delay(patienceMs, undefined, { signal: lapse.signal }).then(() => {
    throw new Error(`no answer within ${patienceMs} ms`);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    lapse.abort();
    late.catch(() => {});
    work.catch(() => {});
  }
}

function listen(server: Server, { host, port }: Config): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => resolve());
  });
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeIdleConnections();
  });
}
