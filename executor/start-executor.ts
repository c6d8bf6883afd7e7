/**
 * The executor: one actor a slot, fed by the log.
 *
 * Start: check engine and image, fold the slots' streams to the active leases, remove what belongs to none of them, look
 * at the GPUs of the others, register the slots, start the actors, give each its active lease, follow the log. The log's
 * head is taken before the fold, so that nothing falls between; what is seen twice is known by its token.
 *
 * `close()` leaves nothing running: containers are removed, nothing is recorded, leases stay, and the next start runs
 * the same attempts from the beginning. `close({ killRunning: false })` leaves the containers running for the next
 * start to adopt, as a crash would.
 */
import type Docker from 'dockerode';
import { createActor, waitFor } from 'xstate';
import type { EventLog } from '../domain/ports/event-log.ts';
import { slotStream } from '../domain/slot/events.ts';
import { attemptNames } from './attempt-names.ts';
import { type LaunchCommands, launchCommands } from './container-options.ts';
import { dockerEngine } from './docker-engine.ts';
import { assertRunnerImage, engineFacts } from './engine-facts.ts';
import { type SlotActor, slotMachine } from './executor-actor.ts';
import { followLog } from './follow-log.ts';
import { activeLease, type LeasedAttempt } from './leased-attempt.ts';
import { openSlots } from './open-slots.ts';
import { attemptScope, type ExecutorParts, type SlotPlace } from './plan-attempt.ts';
import { reconcile } from './reconcile.ts';
import { assertExecutorName } from './register-slots.ts';
import { slotEffects } from './slot-effects.ts';
import { checkSlotPlans, lookShortage, type SlotPlan } from './slot-plan.ts';
import { type Timings, timings } from './watching.ts';

export type ExecutorOptions = Omit<
  ExecutorParts,
  'log' | 'engine' | 'commands' | 'timings' | 'hasLocalCgroups' | 'runtime'
> & {
  readonly log: EventLog;
  readonly docker: Docker;
  /** `[a-z0-9.]+` */
  readonly executorName: string;
  readonly slotPlans: readonly SlotPlan[];
  /** What looks at models may use on this host beside the slots; 0 where there are none. */
  readonly lookBytes: number;
  readonly runtime?: string | null;
  /** For tests: other programs in the containers, shorter waits. */
  readonly commands?: LaunchCommands;
  readonly timings?: Timings;
};

export type Executor = { close(options?: { readonly killRunning?: boolean }): Promise<void> };

export async function startExecutor(options: ExecutorOptions): Promise<Executor> {
  const { docker, log, executorName, slotPlans, logger, instance } = options;
  const runtime = options.runtime ?? null;
  const facts = await engineFacts(docker, runtime);
  await assertRunnerImage(docker, options.runner.imageId, options.runner.runnerDigest);
  assertExecutorName(executorName);
  checkSlotPlans(slotPlans, facts);
  const shortage = lookShortage(slotPlans, facts.memoryBytes, options.lookBytes);
  if (shortage !== null) logger.warn({ shortage }, 'looks at models may be put off while the slots are busy');
  const parts: ExecutorParts = {
    ...options,
    ...{ runtime, commands: options.commands ?? launchCommands, timings: options.timings ?? timings },
    engine: dockerEngine(docker),
    hasLocalCgroups: facts.hasLocalCgroups,
  };
  const head = await log.head();
  const places = slotPlans.map((plan) => ({
    executor: executorName,
    stream: slotStream(executorName, plan.device),
    plan,
  }));
  const leases = new Map<string, LeasedAttempt>();
  for (const { stream } of places) {
    const leased = await activeLease(log, stream);
    if (leased !== null) leases.set(stream, leased);
  }
  const orphans = await reconcile(parts.engine, instance, activeIds(parts, places, leases));
  if (orphans.length > 0)
    logger.info({ orphans }, 'removed what an earlier life of this service had left in the engine');
  await openSlots(parts, places, new Set(leases.keys()), facts);

  const actors = startActors(parts, places, leases);
  const following = followLog(log, head, actors, logger);
  return { close: ({ killRunning = true } = {}) => closeExecutor(actors, following, killRunning) };
}

function activeIds(
  parts: ExecutorParts,
  places: readonly SlotPlace[],
  leases: ReadonlyMap<string, LeasedAttempt>,
): ReadonlySet<string> {
  const ids = places.flatMap((place) => {
    const leased = leases.get(place.stream);
    return leased === undefined ? [] : [attemptNames(attemptScope(parts, place, leased)).id];
  });
  return new Set(ids);
}

function startActors(
  parts: ExecutorParts,
  places: readonly SlotPlace[],
  leases: ReadonlyMap<string, LeasedAttempt>,
): ReadonlyMap<string, SlotActor> {
  return new Map(
    places.map((place) => {
      const actor = createActor(slotMachine, { input: slotEffects(parts, place) });
      actor.start();
      const leased = leases.get(place.stream);
      if (leased !== undefined) actor.send({ type: 'leased', leased });
      return [place.stream, actor];
    }),
  );
}

async function closeExecutor(
  actors: ReadonlyMap<string, SlotActor>,
  following: { close(): Promise<void> },
  killRunning: boolean,
): Promise<void> {
  await following.close();
  for (const actor of actors.values()) {
    if (killRunning) actor.send({ type: 'stop' });
    else actor.stop();
  }
  if (killRunning)
    await Promise.all([...actors.values()].map((actor) => waitFor(actor, (snapshot) => snapshot.status !== 'active')));
}
