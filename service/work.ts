import { join } from 'node:path';
import Docker from 'dockerode';
import type { Logger } from 'pino';
import { type Config, storageLocation } from '../config.ts';
import { claimAggregate } from '../domain/claim/claim.ts';
import { commandHandler } from '../domain/handle-command.ts';
import type { BundleReader } from '../domain/ports/bundles.ts';
import type { TokenizerClass } from '../domain/tokenizer.ts';
import { instantiationLimitBytes } from '../executor/container-options.ts';
import { lotOf } from '../executor/cut-keys.ts';
import { instantiationMemoryBytes } from '../executor/instantiation-lines.ts';
import type { RunnerFacts } from '../executor/run-spec.ts';
import { startExecutor } from '../executor/start-executor.ts';
import { bundleReader } from '../gates/bundle-reader.ts';
import { reviewerMetrics } from '../gates/llm/reviewer-metrics.ts';
import { workAside } from '../machines/due/aside.ts';
import { workClaims } from '../machines/due/claim-work.ts';
import { conclusionPerformer } from '../machines/due/conclude.ts';
import { expiryPerformer } from '../machines/due/expire-holds.ts';
import { runsPerformer } from '../machines/due/request-runs.ts';
import { gatePerformer } from '../machines/due/run-gates.ts';
import { startProcessManager } from '../machines/process-manager.ts';
import { projectedDueWork } from '../projections/due-submissions.ts';
import { scoreQueries } from '../projections/scores.ts';
import { type Core, now, type Opened, projectionPatienceMs } from './core.ts';
import { gateThread } from './gate-thread.ts';
import type { GatePlan } from './gates.ts';

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

const periodMs = 1_000;
const reviewsAtOnce = 8;
/** Each may use as much memory as a run, beside the slots. */
const instantiationsAtOnce = 1;

/** The process manager with its gates, and the executor: whatever may need the container engine. */
export async function startWork(
  config: Config,
  runtime: Runtime,
  core: Core,
  logger: Logger,
  opened: Opened,
): Promise<void> {
  const { storage, metered, submissions, slots, policies, projector } = core;
  const engine = { docker: new Docker(), readBundle: bundleReader(storage.blobs) };
  // Before the manager: the executor removes what earlier lives left in the engine, and couldn't tell a gate's container from that.
  const executor = await openExecutor(config, runtime, core, logger, engine);
  opened.push(() => executor.close());
  const stopping = new AbortController();
  const gates = gateThread(gatePlan(config, runtime, core), {
    ...{ blobs: storage.blobs, logger, stopping: stopping.signal },
    onReviewer: reviewerMetrics(core.registry, now),
  });
  opened.push(gates.close);

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
        gates: gates.byName,
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
  const wakes = metered.followedBy('processManager').subscribe(await metered.log.head(), async (page) => {
    await projector.waitFor(page.at(-1)?.position ?? 0, projectionPatienceMs);
    manager.wake();
  });
  opened.push(wakes.close);
  // Its period wakes the manager too.
  wakes.ended.catch((error: unknown) => logger.error({ err: error }, 'the log wakes the process manager no more'));
  manager.wake();
}

function gatePlan(config: Config, { runner, seasonSecret, tokenizers }: Runtime, core: Core): GatePlan {
  return {
    ...{ storage: storageLocation(config), readModelsPath: core.readModelsPath, seasonSecret },
    examplesFolder: join(import.meta.dirname, '../..', 'examples'),
    image: { imageId: runner.imageId, instance: core.instance },
    ...{ tokenizers, tokenizersDir: runner.tokenizersDir },
    reviewer: config.reviewer,
  };
}

/** Bytes that the parameters gate may use beside the slots, by the policy of today. */
async function lookBytes({ policies }: Pick<Core, 'policies'>): Promise<number> {
  const { policy } = await policies.active();
  const each = instantiationLimitBytes(instantiationMemoryBytes(policy));
  return policy.gates.parameters === 'on' ? instantiationsAtOnce * each : 0;
}

async function openExecutor(
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
    lookBytes: await lookBytes(core),
    onProgress: core.heartbeats.report,
  });
}
