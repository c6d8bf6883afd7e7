/**
 * The two containers of an attempt and their volumes: made, found again after a restart, and removed.
 *
 * A restart is the happy path: every step asks for a state and not for a change, so whatever an earlier life of this
 * service left half-made is finished. Only one thing starts over: a referee that has ended before its contestant was
 * ever started.
 */
import { attemptFolder, inputArchive, type StoredFile } from './attempt-archive.ts';
import { type AttemptNames, type AttemptScope, attemptNames, seats } from './attempt-names.ts';
import { attemptCgroup, removeCgroup } from './cgroup-watch.ts';
import type { ContainerEngine, ContainerStatus } from './container-engine.ts';
import { attemptVolumes, contestantOptions, type PairPlan, refereeOptions } from './container-options.ts';
import type { HeldOutRunSpec, RunSpec } from './run-spec.ts';
import type { Seated } from './supervise-in-turn.ts';

export type Pair = {
  readonly names: AttemptNames;
  /** As found: null for a container that was removed by somebody else. */
  readonly referee: ContainerStatus | null;
  readonly contestant: ContainerStatus | null;
  /** An earlier life of this service has started the referee. */
  readonly wasAdopted: boolean;
};

/** Both containers exist afterwards, with the referee's inputs in place, and neither is started by this. */
export async function openPair(
  engine: ContainerEngine,
  plan: PairPlan,
  inputs: { readonly spec: RunSpec; readonly bundle: Uint8Array },
  signal: AbortSignal,
): Promise<Pair> {
  const names = attemptNames(plan.scope);
  const found = await findPair(engine, names);
  if (found.wasAdopted && !hasUnusedReferee(found)) return found;
  if (found.wasAdopted) await clearPair(engine, plan.scope, plan.cgroupParent);
  for (const volume of attemptVolumes(plan)) await engine.ensureVolume(volume);
  await engine.ensureContainer(refereeOptions(plan));
  await engine.ensureContainer(contestantOptions(plan));
  await engine.putArchive(names.referee, attemptFolder, inputArchive(inputs.spec, inputs.bundle));
  signal.throwIfAborted();
  return findPair(engine, names);
}

/**
 * Everything that a held-out attempt needs, made anew: fresh contestants say the same again, and nothing has to be told about how
 * far earlier ones were.
 */
export async function openSeats(
  engine: ContainerEngine,
  plan: PairPlan,
  inputs: { readonly spec: HeldOutRunSpec; readonly bundle: Uint8Array; readonly state: StoredFile },
  signal: AbortSignal,
): Promise<Seated> {
  await clearPair(engine, plan.scope, plan.cgroupParent);
  for (const volume of attemptVolumes(plan)) await engine.ensureVolume(volume);
  await engine.ensureContainer(refereeOptions(plan));
  const [first, ...others] = plan.heldOutSeats ?? [];
  if (first === undefined) throw new Error('a held-out attempt has a seat at least');
  for (const seat of [first, ...others]) await engine.ensureContainer(contestantOptions(plan, seat));
  const { referee } = attemptNames(plan.scope);
  await engine.putArchive(referee, attemptFolder, inputArchive(inputs.spec, inputs.bundle, inputs.state));
  signal.throwIfAborted();
  return [attemptNames(plan.scope, first), ...others.map((seat) => attemptNames(plan.scope, seat))];
}

async function findPair(engine: ContainerEngine, names: AttemptNames): Promise<Pair> {
  const [referee, contestant] = await Promise.all([engine.inspect(names.referee), engine.inspect(names.contestant)]);
  const wasStarted = (status: ContainerStatus | null) => status !== null && status.status !== 'created';
  return { names, referee, contestant, wasAdopted: wasStarted(referee) || wasStarted(contestant) };
}

/** It waited in vain for a contestant that we were not there to start: nothing was measured, and nobody is to blame. */
function hasUnusedReferee({ referee, contestant }: Pair): boolean {
  return referee?.status === 'exited' && contestant?.status === 'created';
}

/** Kills and removes everything of the attempt. Containers before volumes; what is gone already is skipped. */
export async function clearPair(
  engine: ContainerEngine,
  scope: AttemptScope,
  cgroupParent: string | null,
): Promise<void> {
  const { id, referee, attemptVolume } = attemptNames(scope);
  const seated = seats.map((seat) => attemptNames(scope, seat));
  const containers = [...seated.map(({ contestant }) => contestant), referee];
  await Promise.all(containers.map((name) => engine.removeContainer(name)));
  const volumes = [...seated.map(({ channelVolume }) => channelVolume), attemptVolume];
  await Promise.all(volumes.map((name) => engine.removeVolume(name)));
  if (cgroupParent !== null) await removeCgroup(attemptCgroup(id));
}
