import { randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import type { Logger } from 'pino';
import { Registry } from 'prom-client';
import { type Config, executorReadModelsPath, readModelsPath, storageLocation } from '../config.ts';
import { type CommandHandler, commandHandler } from '../domain/handle-command.ts';
import { deriveId } from '../domain/ids.ts';
import { type PolicyEvent, policyStream } from '../domain/policy/events.ts';
import {
  type Policies,
  type PolicyCommand,
  type PolicyState,
  policiesOf,
  policyAggregate,
} from '../domain/policy/policy-aggregate.ts';
import type { Heartbeats } from '../domain/ports/heartbeats.ts';
import { isRejection } from '../domain/rejection.ts';
import { slotAggregate } from '../domain/slot/slot.ts';
import { submissionAggregate } from '../domain/submission/decide.ts';
import type { SlotHandler } from '../machines/due/leases.ts';
import type { SubmissionHandler } from '../machines/due/performer.ts';
import { permits } from '../machines/submission-machine.ts';
import { projections } from '../projections/catalog.ts';
import { openProjectionDatabase } from '../projections/database.ts';
import type { ProjectionDatabase } from '../projections/projection-database.ts';
import { type Projector, startProjector } from '../projections/projector.ts';
import { memoryHeartbeats } from '../storage/memory-heartbeats.ts';
import { type MeteredEventLog, meteredEventLog } from '../storage/metered-event-log.ts';
import { openStorage, type Storage } from '../storage/open-storage.ts';

export type Core = {
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

/** What is to be closed again, in the order in which it was opened. */
export type Opened = (() => Promise<unknown> | unknown)[];

export const now = () => new Date();
export const projectionPatienceMs = 5_000;

/** Log, blobs, read models and their projector: what every role stands on. */
export async function openCore(config: Config, answersHttp: boolean, logger: Logger, opened: Opened): Promise<Core> {
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
  const path = answersHttp ? readModelsPath(config) : executorReadModelsPath(config);
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
