import { randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import Docker from 'dockerode';
import type { Logger } from 'pino';
import { collectDefaultMetrics, Registry } from 'prom-client';
import { type Config, executorReadModelsPath, readModelsPath, readReviewerKey, storageLocation } from './config.ts';
import { claimAggregate } from './domain/claim/claim.ts';
import { type CommandHandler, commandHandler } from './domain/handle-command.ts';
import { deriveId } from './domain/ids.ts';
import { type PolicyEvent, policyStream } from './domain/policy/events.ts';
import {
  type Policies,
  type PolicyCommand,
  type PolicyState,
  policiesOf,
  policyAggregate,
} from './domain/policy/policy-aggregate.ts';
import type { BundleReader } from './domain/ports/bundles.ts';
import type { Heartbeats } from './domain/ports/heartbeats.ts';
import { isRejection } from './domain/rejection.ts';
import { slotAggregate } from './domain/slot/slot.ts';
import { submissionAggregate } from './domain/submission/decide.ts';
import type { TokenizerClass } from './domain/tokenizer.ts';
import { lotOf } from './executor/cut-keys.ts';
import { dockerEngine } from './executor/docker-engine.ts';
import { inspectorContainer } from './executor/inspector-container.ts';
import { instantiator } from './executor/instantiation-container.ts';
import type { RunnerFacts } from './executor/run-spec.ts';
import { startExecutor } from './executor/start-executor.ts';
import { type GateThreadPlan, gateThread } from './gate-thread.ts';
import { bundleReader } from './gates/bundle-reader.ts';
import { readArchive } from './gates/intake.ts';
import { chatClient } from './gates/llm/chat-client.ts';
import { circuitBreaker } from './gates/llm/circuit-breaker.ts';
import { llmGate, type Reviewer } from './gates/llm/llm-gate.ts';
import { meteredReviewer } from './gates/llm/reviewer-metrics.ts';
import { parametersGate } from './gates/parameters/parameters-gate.ts';
import { createApp } from './http/app.ts';
import { registerServiceMetrics } from './http/service-metrics.ts';
import { workAside } from './machines/due/aside.ts';
import { workClaims } from './machines/due/claim-work.ts';
import { conclusionPerformer } from './machines/due/conclude.ts';
import { expiryPerformer } from './machines/due/expire-holds.ts';
import type { SlotHandler } from './machines/due/leases.ts';
import type { SubmissionHandler } from './machines/due/performer.ts';
import { runsPerformer } from './machines/due/request-runs.ts';
import { gatePerformer } from './machines/due/run-gates.ts';
import { startProcessManager } from './machines/process-manager.ts';
import { permits } from './machines/submission-machine.ts';
import { buildReadModels } from './projection-tasks.ts';
import { projections } from './projections/catalog.ts';
import { openProjectionDatabase } from './projections/database.ts';
import { dueSubmissionQueries, projectedDueWork } from './projections/due-submissions.ts';
import { epochQueries } from './projections/epochs.ts';
import { evalJobQueries } from './projections/eval-jobs.ts';
import { slotQueries } from './projections/gpu-leases.ts';
import { holdQueries } from './projections/holds.ts';
import { llmReviewQueries } from './projections/llm-reviews.ts';
import { plagiarismReviewQueries } from './projections/plagiarism-reviews.ts';
import type { ProjectionDatabase } from './projections/projection-database.ts';
import { projectionStatuses } from './projections/projection-status.ts';
import { type Projector, startProjector } from './projections/projector.ts';
import { readYourWrites } from './projections/read-your-writes.ts';
import { scoreQueries } from './projections/scores.ts';
import { sourceQueries } from './projections/submission-sources.ts';
import { submissionQueries } from './projections/submissions.ts';
import { memoryHeartbeats } from './storage/memory-heartbeats.ts';
import { type MeteredEventLog, meteredEventLog } from './storage/metered-event-log.ts';
import { openStorage, type Storage } from './storage/open-storage.ts';

/**
 * What attempts run on, as the set-up made it ready. The season secret keys the stream's order and the seeds, the cut secret whatever a
 * contestant mustn't foresee.
 */
export type Runtime = {
  readonly runner: RunnerFacts;
  readonly seasonSecret: Uint8Array;
  readonly cutSecret: Uint8Array;
  /** What the tokenizers' folder and the runner make possible; policy may offer less. */
  readonly tokenizers: readonly TokenizerClass[];
};

export type Service = {
  /** Where the API answers; null where this process has none. */
  readonly url: string | null;
  /** Removes running containers (their attempts run again at the next start), stops taking requests, and closes everything. */
  close(): Promise<void>;
};

export type Roles = {
  /** Answers HTTP. */
  readonly api: boolean;
  /** Null: this process never talks to a container engine, and gates and attempts wait for a `prism executor`. */
  readonly runtime: Runtime | null;
};

export const slug = 'prism';
const now = () => new Date();
const periodMs = 1_000;
const projectionPatienceMs = 5_000;
const reviewsAtOnce = 8;
/** Each may use as much memory as a run, beside the slots. */
const instantiationsAtOnce = 1;
const reviewTimeoutMs = 60_000;
/** A health check is asked often, and its answer may be that the log didn't answer in time. */
const headPatienceMs = 2_000;

/**
 * Builds a service out of its parts and starts it. Whatever was opened is closed again when a part fails to start, or when `signal`
 * aborts the start. The API answers while read models are still being built; the service is returned once they are there.
 */
export async function startService(
  config: Config,
  roles: Roles,
  logger: Logger,
  signal?: AbortSignal,
): Promise<Service> {
  const opened: (() => Promise<unknown> | unknown)[] = [];
  const closeAll = async () => {
    for (const close of opened.splice(0).reverse()) await close();
  };
  try {
    const core = await openCore(config, roles, logger, opened);
    const url = roles.api ? await startApi(config, core, logger, opened) : null;
    const { metered, readModels, readModelsPath: path } = core;
    await buildReadModels({ db: readModels, path, log: metered.log, storage: storageLocation(config), logger, signal });
    if (roles.runtime !== null) await startWork(config, roles.runtime, core, logger, opened);
    return { url, close: closeAll };
  } catch (error) {
    await closeAll();
    throw error;
  }
}

type Core = {
  readonly storage: Storage;
  readonly metered: MeteredEventLog;
  readonly registry: Registry;
  readonly submissions: SubmissionHandler;
  readonly slots: SlotHandler;
  readonly policies: Policies;
  readonly readModels: ProjectionDatabase;
  readonly readModelsPath: string;
  readonly projector: Projector;
  readonly heartbeats: Heartbeats;
  /** Identity of this log and this executor: labels on what is made in the engine. */
  readonly instance: string;
};

type Opened = (() => Promise<unknown> | unknown)[];

/** Log, blobs, read models and their projector: what every role stands on. */
async function openCore(config: Config, roles: Roles, logger: Logger, opened: Opened): Promise<Core> {
  const storage = await openStorage(storageLocation(config));
  opened.push(storage.close);
  const registry = new Registry();
  const metered = meteredEventLog(storage.log, registry);
  const { log } = metered;
  const policy = commandHandler(log, policyAggregate);
  await ensureFirstPolicy(policy, config);
  const [first] = await log.readAll(0, 1);
  const instance = config.instance ?? deriveId('instance', first?.envelope.id ?? '', config.executorName);

  mkdirSync(config.dataDir, { recursive: true });
  const path = roles.api ? readModelsPath(config) : executorReadModelsPath(config);
  const readModels = openProjectionDatabase(path);
  opened.push(() => readModels.close());
  const onFault = (error: unknown) => logger.error({ err: error }, 'the projector stumbled and tries again');
  const projector = startProjector({ db: readModels, log: metered.followedBy('projector'), projections, onFault });
  opened.push(projector.close);
  return {
    storage,
    metered,
    registry,
    submissions: commandHandler(log, submissionAggregate, permits),
    slots: commandHandler(log, slotAggregate),
    policies: policiesOf(policy),
    readModels,
    readModelsPath: path,
    projector,
    heartbeats: memoryHeartbeats(),
    instance,
  };
}

/** A log without a policy gets the configured one as version 1. Its event is the log's first, and so the log's identity. */
async function ensureFirstPolicy(
  policy: CommandHandler<PolicyState, PolicyCommand, PolicyEvent>,
  { initialPolicy }: Config,
): Promise<void> {
  const handled = await policy.handle(
    policyStream,
    { kind: 'ActivateFirstPolicy', draft: initialPolicy, operator: 'configuration', reason: 'first start' },
    { causeId: randomUUID(), correlationId: policyStream, at: now().toISOString() },
  );
  if (isRejection(handled)) throw new Error(`the initial policy was refused: ${handled.detail}`);
}

/** The process manager with its gates, and the executor: whatever may need the container engine. */
async function startWork(config: Config, runtime: Runtime, core: Core, logger: Logger, opened: Opened): Promise<void> {
  const { storage, metered, submissions, slots, policies, projector } = core;
  const engine = { docker: new Docker(), readBundle: bundleReader(storage.blobs) };
  const stopping = new AbortController();
  const gates = openGates(config, runtime, core, logger, opened, { ...engine, stopping: stopping.signal });

  const shared = { submissions, policies, clock: now };
  const onFault = (error: unknown) =>
    logger.error({ err: error }, 'something due could not be done and is tried again');
  const reviews = workAside(reviewsAtOnce, onFault);
  const instantiations = workAside(instantiationsAtOnce, onFault);
  opened.push(reviews.settled, instantiations.settled);
  const manager = startProcessManager({
    ...shared,
    slots,
    dueWork: projectedDueWork(core.readModels),
    setAside: () => reviews.count() + instantiations.count(),
    performers: {
      gate: gatePerformer({
        ...shared,
        gates,
        slow: { parameters: instantiations, llm: reviews },
        stopping: stopping.signal,
        claim: workClaims({
          claims: commandHandler(storage.log, claimAggregate),
          owner: config.executorName,
          clock: now,
        }),
        onFault: (gate, error) => logger.warn({ err: error, gate }, 'a gate could not answer and is asked again'),
      }),
      runs: runsPerformer(shared),
      conclusion: conclusionPerformer({
        ...shared,
        standings: scoreQueries(core.readModels).standings,
        lotOf: (submissionId) => lotOf(runtime.cutSecret, submissionId),
      }),
      expiry: expiryPerformer(shared),
    },
    projected: async (position) => void (await projector.waitFor(position, projectionPatienceMs)),
    periodMs,
    onFault,
  });
  opened.push(manager.close, () => stopping.abort());
  const executor = await openExecutor(config, runtime, core, logger, engine);
  opened.push(() => executor.close());
  const wakes = metered.followedBy('processManager').subscribe(await metered.log.head(), async (page) => {
    await projector.waitFor(page.at(-1)?.position ?? 0, projectionPatienceMs);
    manager.wake();
  });
  opened.push(wakes.close);
  // Its period wakes the manager too.
  wakes.ended.catch((error: unknown) => logger.error({ err: error }, 'the log wakes the process manager no more'));
  manager.wake();
}

/** Everything that may say no before a run: a thread that reads bundles, a container for each model, a reviewer. */
function openGates(
  config: Config,
  { runner, seasonSecret, tokenizers }: Runtime,
  core: Core,
  logger: Logger,
  opened: Opened,
  shared: { readonly docker: Docker; readonly readBundle: BundleReader; readonly stopping: AbortSignal },
) {
  const { docker, readBundle, stopping } = shared;
  const { blobs } = core.storage;
  const image = { imageId: runner.imageId, instance: core.instance };
  const thread = gateThread(gatePlan(config, core, image, tokenizers), blobs, logger);
  opened.push(thread.close);
  const engine = dockerEngine(docker);
  const inspector = inspectorContainer({ ...image, engine, purpose: 'review', logger });
  opened.push(inspector.close);
  const instantiate = instantiator({ ...image, engine, seasonSecret, tokenizersDir: runner.tokenizersDir, logger });
  return {
    ...thread.byName,
    parameters: parametersGate({ readBundle, blobs, stopping, instantiate }),
    llm: llmGate({ readBundle, blobs, inspector, reviewer: reviewerOf(config, core, stopping) }),
  };
}

function gatePlan(
  config: Config,
  { readModelsPath: path }: Core,
  inspector: GateThreadPlan['inspector'],
  tokenizers: Runtime['tokenizers'],
): GateThreadPlan {
  const examplesFolder = join(import.meta.dirname, '..', 'examples');
  return { storage: storageLocation(config), readModelsPath: path, examplesFolder, inspector, tokenizers };
}

/** The language model that the environment names, behind a circuit breaker of this process; null where it names none. */
function reviewerOf({ reviewer }: Config, { registry }: Core, stopping: AbortSignal): Reviewer | null {
  if (reviewer === null) return null;
  const { baseUrl, model } = reviewer;
  const breaker = circuitBreaker(now);
  const ask = chatClient({
    ...{ baseUrl, model, timeoutMs: reviewTimeoutMs, clock: now },
    readKey: () => readReviewerKey(reviewer),
  });
  return { ask: meteredReviewer(ask, breaker, registry), model, breaker, stopping };
}

function openExecutor(
  config: Config,
  runtime: Runtime,
  core: Core,
  logger: Logger,
  engine: { readonly docker: Docker; readonly readBundle: BundleReader },
) {
  const { storage, metered, submissions, slots, policies, instance } = core;
  return startExecutor({
    ...engine,
    ...{ blobs: storage.blobs, submissions, slots, runner: runtime.runner, instance, logger, now },
    log: metered.followedBy('executor'),
    seasonSecret: runtime.seasonSecret,
    cutSecret: runtime.cutSecret,
    policyOf: async (version) => (await policies.ofVersion(version)).policy,
    executorName: config.executorName,
    slotPlans: config.slots,
    onProgress: core.heartbeats.report,
  });
}

async function startApi(config: Config, core: Core, logger: Logger, opened: Opened): Promise<string> {
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

export function programVersion(): string {
  const file = readFileSync(join(import.meta.dirname, '..', 'package.json'), 'utf8');
  const { version }: { version?: unknown } = JSON.parse(file);
  return typeof version === 'string' ? version : 'unknown';
}
